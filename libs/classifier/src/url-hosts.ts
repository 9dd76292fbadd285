/** Hosts that are looked at in one text. */
const hostsMax = 200;
const urlPattern = /\b(?:https?:\/\/|www\.)([^\s<>"'()[\]{}\\]{1,1000})/gi;

/** Host of a URL: lower case, without user, port and final dot; "" when it names none. */
export function urlHost(url: string): string {
  const rest = url.replace(/^(?:https?|ftp):[/\\]*/i, "").slice(0, 1_000);
  const authority = rest.split(/[/?#\\]/, 1)[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
  const name = percentDecoded(host)
    .replace(/:\d{0,5}$/, "")
    .replace(/\.+$/, "");
  return /^[^\s.]+(?:\.[^\s.]+)+$/u.test(name) && name.length <= 253 ? name : "";
}

function percentDecoded(host: string): string {
  return host.replace(/%([2-7][0-9a-f])/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Distinct hosts of the URLs written in a text, in order of appearance, at most 200. */
export function textUrlHosts(text: string): readonly string[] {
  const hosts = new Set<string>();
  for (const match of text.matchAll(urlPattern)) {
    const host = urlHost(match[1] ?? "");
    if (host !== "") hosts.add(host);
    if (hosts.size >= hostsMax) break;
  }
  return [...hosts];
}
