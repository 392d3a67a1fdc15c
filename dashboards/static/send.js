// Changing something: JSON to the API with the version that was seen; what went wrong becomes a sentence.

import { t } from "./words.js";

export class Refused extends Error {
  constructor(status, code, sentence) {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

export async function send(address, { method = "POST", body = {}, version = null } = {}) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  if (version !== null) headers["If-Match"] = `"${version}"`;
  if (method === "POST") headers["Idempotency-Key"] = randomKey();
  let answer;
  try {
    answer = await fetch(address, { method, headers, body: method === "DELETE" ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused(0, "unreachable", t("problem.unreachable"));
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  const code = String(problem.type ?? "").split("/").pop();
  throw new Refused(answer.status, code, sentenceFor(answer.status, problem));
}

function sentenceFor(status, problem) {
  if (status === 401) return t("problem.signed_out");
  if (status === 403) return t("problem.not_allowed");
  if (status === 404) return t("problem.not_found");
  if (status === 429) return t("problem.too_many");
  if (status >= 500) return t("problem.server");
  return t("problem.refused", { detail: problem.detail ?? problem.title ?? status });
}

// Not crypto.randomUUID, which plain http on an inner network does not have.
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
