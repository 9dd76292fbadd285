import { BodyExtension } from "@mailfold/blob-store/body-extension";
import { runWriterThread } from "@mailfold/event-store/writer";

runWriterThread((settings) => new BodyExtension((settings as { readonly bodiesDir: string }).bodiesDir));
