import type { RunningComponent } from "../../runtime/contract.ts";
import type { TestRequest, TestResponse } from "./contract.ts";

/** Has a request served, and waits for the whole of the response. */
export async function sendRequest(
  component: Pick<RunningComponent, "http">,
  { method = "GET", path, headers = {}, body }: TestRequest,
): Promise<TestResponse> {
  const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const response = await component.http({
    method,
    scheme: "http",
    authority: "localhost",
    pathWithQuery: path,
    headers: Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const),
    body: content,
  });
  const bytes =
    response.body instanceof Uint8Array ? response.body : Buffer.concat(await Array.fromAsync(response.body));
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers.map(([name, value]) => [name.toLowerCase(), value])),
    body: bytes,
    text: Buffer.from(bytes).toString(),
  };
}
