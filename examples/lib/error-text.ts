// As projects of components have it from "petiole/guest".
export * from "../../src/guest/error-text.ts";
