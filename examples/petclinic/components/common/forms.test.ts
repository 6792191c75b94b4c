import { describe, test } from "vitest";
import { checkOwner, checkPet, checkVisit } from "./forms.ts";

const owner = { firstName: "Ada", lastName: "Moreno", address: "1 Hill", city: "Town", telephone: "+1 (555) 01-2" };
const rules = { species: ["cat", "dog"], today: { year: 2024, month: 6, day: 15 } };
const born = { year: 2020, month: 2, day: 29 };

describe("checkOwner()", () => {
  test("takes what is right, without the space around it", ({ expect }) => {
    expect(checkOwner({ ...owner, firstName: "  Ada " })).toEqual({ ok: true, value: owner });
    expect(checkOwner({ ...owner, lastName: "💡".repeat(40) }).ok).toBe(true);
    expect(checkOwner({ ...owner, lastName: `<script>alert("1")</script>'; --` }).ok).toBe(true);
  });

  test("says what is wrong with each field", ({ expect }) => {
    const found = checkOwner({ firstName: "", lastName: 5, address: "x".repeat(121), telephone: "none", vip: "yes" });
    expect(found).toEqual({
      ok: false,
      faults: {
        vip: "There is no such field",
        firstName: "Fill this in",
        lastName: "Send text",
        address: "Enter at most 120 characters",
        city: "Fill this in",
        telephone: "Enter digits, with spaces or + ( ) / . - between them",
      },
    });
  });

  test("refuses what it does not know, whatever its name", ({ expect }) => {
    const raw: unknown = JSON.parse(`{ "__proto__": "x", "constructor": "y", ${JSON.stringify(owner).slice(1)}`);
    const found = checkOwner(raw);
    expect(found.ok ? [] : Object.keys(found.faults)).toEqual(["__proto__", "constructor"]);
  });

  test("takes one line of text only", ({ expect }) => {
    for (const city of ["a\nb", "a\u0000b", "a\u2028b", "a\ud800b", "a\u009bb"]) {
      expect(checkOwner({ ...owner, city }), JSON.stringify(city)).toMatchObject({
        ok: false,
        faults: { city: "Enter one line of text" },
      });
    }
  });

  test("takes an object only", ({ expect }) => {
    for (const raw of [null, "text", [owner], 7, undefined]) {
      expect(checkOwner(raw)).toMatchObject({ ok: false, faults: { "": "Send an object" } });
    }
  });
});

describe("checkPet()", () => {
  const pet = { name: "Rex", species: "dog", birthDate: "2024-06-01" };

  test("takes what is right", ({ expect }) => {
    const birthDate = { year: 2024, month: 6, day: 1 };
    expect(checkPet(pet, rules)).toEqual({ ok: true, value: { ...pet, birthDate } });
    expect(checkPet({ ...pet, birthDate: "2024-06-16" }, rules).ok).toBe(true);
  });

  test("takes no unknown species, and no day to come", ({ expect }) => {
    expect(checkPet({ ...pet, species: "dragon", birthDate: "2024-06-17" }, rules)).toEqual({
      ok: false,
      faults: { species: "Choose one of: cat, dog", birthDate: "Enter a day that is not in the future" },
    });
    expect(checkPet({ ...pet, species: "", birthDate: "2024-02-30" }, rules)).toEqual({
      ok: false,
      faults: { species: "Fill this in", birthDate: "Enter a date, such as 2024-01-31" },
    });
  });

  test("goes by no clock that is not set", ({ expect }) => {
    expect(checkPet(pet, { ...rules, today: { year: 1970, month: 1, day: 1 } }).ok).toBe(true);
  });
});

describe("checkVisit()", () => {
  test("takes a day since the birth of the pet, also one to come", ({ expect }) => {
    for (const date of ["2020-02-29", "2190-01-01"]) {
      expect(checkVisit({ date, description: "check" }, { born }).ok, date).toBe(true);
    }
    expect(checkVisit({ date: "2020-02-28", description: " " }, { born })).toEqual({
      ok: false,
      faults: { date: "Enter a day from 2020-02-29 on, when the pet was born", description: "Fill this in" },
    });
  });
});
