/** A DNS answer: records, a proof that there are none (`noSuchName`: NXDOMAIN), or a failure. */
export type AuthDnsAnswer<T> =
  | { readonly status: "found"; readonly records: readonly T[] }
  | { readonly status: "none"; readonly noSuchName?: true }
  | { readonly status: "failed"; readonly cause: string };

/** DNS as message authentication asks it; the resolver of libs/dns has this shape. Every look-up answers, none throws. */
export interface AuthResolver {
  txt(name: string): Promise<AuthDnsAnswer<string>>;
  mx(name: string): Promise<AuthDnsAnswer<{ readonly exchange: string; readonly priority: number }>>;
  ptr(ip: string): Promise<AuthDnsAnswer<string>>;
  /** Addresses of one family; a failed look-up of that family must not be answered as "none". */
  addresses(name: string, family: 4 | 6): Promise<AuthDnsAnswer<string>>;
}

/** One question, as text, so that it can be kept in a memory and sent to another thread. */
export interface AuthQuestion {
  readonly type: "A" | "AAAA" | "MX" | "TXT" | "PTR";
  /** A name; for PTR the IP address. */
  readonly subject: string;
}

/** Puts one question to a resolver. */
export function askResolver(resolver: AuthResolver, question: AuthQuestion): Promise<AuthDnsAnswer<unknown>> {
  switch (question.type) {
    case "TXT":
      return resolver.txt(question.subject);
    case "MX":
      return resolver.mx(question.subject);
    case "PTR":
      return resolver.ptr(question.subject);
    case "A":
      return resolver.addresses(question.subject, 4);
    case "AAAA":
      return resolver.addresses(question.subject, 6);
  }
}
