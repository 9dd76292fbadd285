import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** A user's local folders in Maildir form, changed behind the back of the program that keeps them in step. */
export class Maildir {
  readonly #dir: string;
  #added = 0;

  /** `dir`: where folders lie, one directory each. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** A message by its subject: what follows `:2,` in its file's name, sorted; undefined when there is none. */
  flags(folder: string, subject: string): string | undefined {
    const file = this.#find(folder, subject);
    return file === undefined ? undefined : [...(/:2,([A-Za-z]*)$/.exec(file)?.[1] ?? "")].sort().join("");
  }

  subjects(folder: string): readonly string[] {
    return this.#files(folder)
      .map((file) => subjectOf(file))
      .sort();
  }

  /** Makes the folder when it is not there. */
  add(folder: string, subject: string): void {
    for (const part of ["cur", "new", "tmp"]) mkdirSync(join(this.#dir, folder, part), { recursive: true });
    this.#added += 1;
    const text = `From: me@here.test\nSubject: ${subject}\nMessage-ID: <${this.#added}.${folder.length}@here.test>\n\ntext\n`;
    writeFileSync(join(this.#dir, folder, "new", `1700000000.${process.pid}_${this.#added}.here`), text);
  }

  setFlags(folder: string, subject: string, flags: string): void {
    const file = this.#find(folder, subject);
    if (file === undefined) throw new Error(`no ${subject} in ${folder}`);
    renameSync(file, join(this.#dir, folder, "cur", `${basename(file).replace(/:2,.*$/, "")}:2,${flags}`));
  }

  remove(folder: string, subject: string): void {
    const file = this.#find(folder, subject);
    if (file === undefined) throw new Error(`no ${subject} in ${folder}`);
    rmSync(file);
  }

  #find(folder: string, subject: string): string | undefined {
    return this.#files(folder).find((file) => subjectOf(file) === subject);
  }

  #files(folder: string): string[] {
    return globSync(`${this.#dir}/${folder}/{cur,new}/*`);
  }
}

function subjectOf(file: string): string {
  return /^Subject: (.*)$/m.exec(readFileSync(file, "latin1"))?.[1] ?? "";
}
