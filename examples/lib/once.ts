// As projects of components have it from "petiole/guest".
export * from "../../src/guest/once.ts";
