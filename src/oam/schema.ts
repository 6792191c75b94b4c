// The form of a manifest. As wadm reads it: unknown keys are faults in some places and nothing in others.

import { z } from "zod";
import type { LinkSide, LinkTrait, ScalerTrait, Trait } from "./manifest.ts";

const DEFAULT_WEIGHT = 100;

const text = z.string({
  error: ({ input }) =>
    ["number", "boolean"].includes(typeof input)
      ? `found ${String(input)}, want text: numbers, true and false stand in quotation marks`
      : undefined,
});
const name = text.min(1);
const texts = z.record(z.string(), text);
/** Other hosts count to 32 bits. */
const count = z.int().min(0).max(4_294_967_295);

const config = z.array(z.strictObject({ name, properties: texts.optional() }));
const secrets = z.array(
  z.object({
    name,
    properties: z.object({ policy: name, key: name, field: text.optional(), version: text.optional() }),
  }),
);

const side = z.object({ config: config.default([]), secrets: secrets.default([]) });
const EMPTY_SIDE: LinkSide = { config: [], secrets: [] };

const scalerProperties = z
  .strictObject({
    instances: count.optional(),
    replicas: count.optional(),
    spread: z.array(z.strictObject({ name, requirements: texts, weight: count.default(DEFAULT_WEIGHT) })).default([]),
  })
  .superRefine(({ instances, replicas, spread }, context) => {
    if (instances === undefined && replicas === undefined) {
      context.addIssue({ code: "custom", path: ["instances"], message: "want the number of instances" });
    }
    if (instances !== undefined && replicas !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["replicas"],
        message: "there are instances already: want one of the two",
      });
    }
    if (spread.length > 0 && spread.every(({ weight }) => weight === 0)) {
      context.addIssue({ code: "custom", path: ["spread"], message: "want a weight above 0 in one of them at least" });
    }
  });

const scaler = (type: ScalerTrait["type"]) =>
  z
    .strictObject({ type: z.literal(type), properties: scalerProperties })
    .transform(({ properties: { instances, replicas, spread } }): ScalerTrait => ({
      type,
      instances: instances ?? replicas ?? 0,
      spread,
    }));

const link = z
  .strictObject({
    type: z.literal("link"),
    properties: z.object({
      name: name.default("default"),
      namespace: name,
      package: name,
      interfaces: z.array(name).min(1),
      // Manifests from before 0.13 name the target, and the configurations stand beside it.
      target: z.union([name, side.extend({ name })], { error: "want the target's name, or an object with it" }),
      target_config: config.optional(),
      source: side.optional(),
      source_config: config.optional(),
    }),
  })
  .transform(
    ({ properties: { target, target_config: targets, source, source_config: sources, ...rest } }): LinkTrait => ({
      type: "link",
      ...rest,
      target: typeof target === "string" ? { name: target, config: targets ?? [], secrets: [] } : target,
      source: source ?? { ...EMPTY_SIDE, config: sources ?? [] },
    }),
  );

const trait: z.ZodType<Trait> = z.discriminatedUnion("type", [scaler("spreadscaler"), scaler("daemonscaler"), link], {
  error: ({ code }) =>
    code === "invalid_union" ? "want a trait of the type spreadscaler, daemonscaler or link" : undefined,
});

const component = z.object({
  name,
  type: z.enum(["component", "actor", "capability"]),
  properties: z.strictObject({
    image: name.optional(),
    application: z.object({ name, component: name }).optional(),
    id: name.optional(),
    config: config.default([]),
    secrets: secrets.default([]),
  }),
  traits: z.array(trait).nullish(),
});

export const manifestSchema = z.strictObject({
  apiVersion: text,
  kind: text,
  metadata: z.object({
    name: text.regex(
      /^[-\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+$/u,
      "want letters, digits, - and _ in the name of an application",
    ),
    annotations: texts,
    labels: texts.default({}),
  }),
  spec: z.object({
    components: z.array(component),
    policies: z.array(z.object({ name: text, type: text, properties: texts })).default([]),
  }),
});
