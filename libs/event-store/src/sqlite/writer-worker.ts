import { runWriterThread } from "./writer-loop.ts";

runWriterThread();
