import { StringDecoder } from "node:string_decoder";
import { PetioleError } from "../../domain/errors.ts";

/**
 * Lines of a connection, without their ends. What is not ended is not a line.
 * @throws PetioleError ERR_CONTROL_PROTOCOL for one that is longer than `longest` bytes
 */
export async function* requestLines(chunks: AsyncIterable<Buffer>, longest: number): AsyncGenerator<string> {
  let pieces: Buffer[] = [];
  let length = 0;
  const take = (): string => {
    const decoder = new StringDecoder("utf8");
    const text = pieces.map((piece) => decoder.write(piece)).join("") + decoder.end();
    pieces = [];
    length = 0;
    return text;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      pieces.push(chunk.subarray(start, end));
      length += end - start;
      if (length > longest) break;
      yield take();
      start = end + 1;
    }
    if (start < chunk.length && length <= longest) {
      pieces.push(chunk.subarray(start));
      length += chunk.length - start;
    }
    if (length > longest) {
      throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read a request: longer than ${longest} bytes`);
    }
  }
}
