import type { TenantId } from "@mailfold/kernel";
import type { ClassifierFact } from "@mailfold/policy";

/** The tenants' statistical filters. `tokens` are those of libs/classifier `tokenize`; the answer costs a few milliseconds. */
export interface ClassifierPort {
  classify(tenantId: TenantId, tokens: readonly string[]): ClassifierFact | Promise<ClassifierFact>;
}
