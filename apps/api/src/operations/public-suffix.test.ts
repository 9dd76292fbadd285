import assert from "node:assert/strict";
import { test } from "node:test";
import { isPublicSuffix } from "./public-suffix.ts";

test("registries are public suffixes, names registered under them are not", () => {
  const suffixes = ["com", "test", "co.uk", "com.au", "github.io", "xn--p1ai"];
  assert.deepEqual(
    suffixes.filter((name) => !isPublicSuffix(name)),
    [],
  );
  const names = [
    "example.com",
    "example.co.uk",
    "mail.example.co.uk",
    "demo.test",
    "someone.github.io",
    "xn--e1afmkfd.xn--p1ai",
  ];
  assert.deepEqual(names.filter(isPublicSuffix), []);
});
