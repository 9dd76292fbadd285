import { InvalidArgumentError } from "commander";

/** An option's value as a whole number of at least `least`; commander says what is wrong. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < least)
      throw new InvalidArgumentError(`write a whole number, at least ${least}`);
    return value;
  };
}
