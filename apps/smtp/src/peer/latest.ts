/** The answer to the latest question, however often it is put: of a name, of a sender. A promised one is kept once it is there. */
export class Latest<T> {
  private key: string | undefined;
  private answer: T | Promise<T> | undefined;

  /** The answer to `key`, looked up when it is not the latest one. */
  of(key: string, look: () => Promise<T>): T | Promise<T> {
    if (this.key === key && this.answer !== undefined) return this.answer;
    const promised = look();
    this.key = key;
    this.answer = promised;
    void promised.then(
      (answer) => {
        if (this.answer === promised) this.answer = answer;
      },
      () => {
        if (this.answer === promised) this.answer = undefined;
      },
    );
    return promised;
  }

  /** The answer to `key` when it is there already. */
  known(key: string): T | undefined {
    return this.key !== key || this.answer instanceof Promise ? undefined : this.answer;
  }
}
