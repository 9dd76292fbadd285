export { bodyHash, verifiedBody } from "./body-hash.ts";
export { BodyFiles } from "./embedded/body-files.ts";
export {
  type BodyWriter,
  EmbeddedBlobStore,
  inlineBodyBytesMax,
  type PreparedBodies,
} from "./embedded/embedded-blob-store.ts";
export { openFileBlobStore } from "./file/file-blob-store.ts";
export * from "./port.ts";
export { type HoldingBlobStore, openS3BlobStore, type S3Options } from "./s3/s3-blob-store.ts";
export { S3Fault } from "./s3/s3-bucket.ts";
