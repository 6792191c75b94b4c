// Compiled by AssemblyScript, which is close to TypeScript but not the same language.
const words = new Map<string, i32>();
const text = "leaf stem leaf root leaf".split(" ");
for (let i = 0; i < text.length; i++) {
  const word = text[i];
  words.set(word, words.has(word) ? words.get(word) + 1 : 1);
}
console.log("leaf " + words.get("leaf").toString());
console.log("pi " + Math.PI.toString());
assert(words.size == 3);
