import { describe, test } from "node:test";
import type { TokenId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { TokenEvent } from "./events.ts";
import type { CreateToken, TokenCommand } from "./token.ts";
import { token } from "./token.ts";

const { given } = specify(token);
const tokenId = "tok_01" as TokenId;
const body = {
  tokenId,
  subject: "script",
  name: "Script",
  scope: { kind: "platform" } as const,
  secretHash: { keyId: "k", nonce: "n", ciphertext: "c" },
};
const create: CreateToken = { type: "CreateToken", ...body, facts: { at: 1_000, scopeExists: true } };
const created: TokenEvent = { type: "TokenCreated", data: body };
const revoked: TokenEvent = { type: "TokenRevoked", data: { tokenId } };

describe("token", () => {
  test("is created once and never again after it was revoked", () => {
    given().when(create).thenRecorded(created);
    given(created).when(create).thenRefused("ALREADY_EXISTS");
    given(created, revoked).when(create).thenRefused("TOKEN_REVOKED");
  });

  test("refuses blank names, odd subjects, past expiry and unknown scopes", () => {
    given()
      .when({ ...create, name: " " })
      .thenRefused("INVALID_INPUT", ["name"]);
    for (const subject of ["", "a b", "ä", "x".repeat(201)]) {
      given()
        .when({ ...create, subject })
        .thenRefused("INVALID_INPUT", ["subject"]);
    }
    given()
      .when({ ...create, expiresAt: 1_000 })
      .thenRefused("INVALID_INPUT", ["expiresAt"]);
    given()
      .when({ ...create, facts: { at: 1_000, scopeExists: false } })
      .thenRefused("NOT_FOUND", ["scope"]);
  });

  test("is revoked once", () => {
    given(created).when({ type: "RevokeToken" }).thenRecorded(revoked);
    given(created, revoked).when({ type: "RevokeToken" }).thenNothing();
    given().when({ type: "RevokeToken" }).thenRefused("NOT_FOUND");
  });

  test("replay equals live", () => {
    holdsOverHistories(token, fc.constantFrom<TokenCommand>(create, { type: "RevokeToken" }));
  });
});
