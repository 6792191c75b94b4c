import { test } from "vitest";
import { open, refused, type KeyValueSubject } from "./subject.ts";

export function batchTests(subject: KeyValueSubject): void {
  test("set-many, get-many and delete-many do what their single functions do", async ({ expect }) => {
    await using rig = await subject.create();
    await using bucket = await open(rig);
    await bucket.setMany([
      ["a", "1"],
      ["b", ""],
      ["a", "2"],
    ]);
    expect(await bucket.getMany(["b", "none", "a", "b"])).toEqual([["b", ""], undefined, ["a", "2"], ["b", ""]]);
    await bucket.deleteMany(["a", "none", "a"]);
    expect(await bucket.getMany(["a", "b"])).toEqual([undefined, ["b", ""]]);
    await bucket.setMany([]);
    await bucket.deleteMany([]);
    expect(await bucket.getMany([])).toEqual([]);
  });

  test("a batch beyond the link's limits is refused, and nothing of it is done", async ({ expect }) => {
    await using rig = await subject.create();
    const config = { max_batch: 3, max_batch_size: "10B", max_key: "4B" };
    await using bucket = await open(rig, { config });
    const four = ["a", "b", "c", "d"];
    await expect(bucket.getMany(four)).rejects.toMatchObject(refused);
    await expect(bucket.deleteMany(four)).rejects.toMatchObject(refused);
    await expect(bucket.setMany(four.map((key) => [key, "x"]))).rejects.toMatchObject(refused);
    await expect(bucket.setMany(["a", "b"].map((key) => [key, "123456"]))).rejects.toMatchObject(refused);
    await expect(
      bucket.setMany([
        ["a", "x"],
        ["12345", "x"],
      ]),
    ).rejects.toMatchObject(refused);
    expect(await bucket.listAll()).toEqual([]);
    await bucket.set("a", "123456");
    await bucket.set("b", "123456");
    await expect(bucket.getMany(["a", "b"])).rejects.toMatchObject(refused);
    expect(await bucket.getMany(["b"])).toEqual([["b", "123456"]]);
  });
}
