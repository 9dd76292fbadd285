export * from "./port.ts";
export { type HoldingBlobStore, openS3BlobStore, type S3Options } from "./s3/s3-blob-store.ts";
export { S3Fault } from "./s3/s3-bucket.ts";
