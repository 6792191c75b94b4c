// An application as an OAM manifest describes it, once it is parsed.

/** A named configuration: with `properties` the manifest brings it, without it must be there already. */
export interface ConfigEntry {
  readonly name: string;
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

export interface SecretEntry {
  readonly name: string;
  readonly properties: {
    readonly policy: string;
    readonly key: string;
    readonly field?: string | undefined;
    readonly version?: string | undefined;
  };
}

/** What an end of a link gets besides the link. */
export interface LinkSide {
  readonly config: readonly ConfigEntry[];
  readonly secrets: readonly SecretEntry[];
}

export interface Spread {
  readonly name: string;
  /** Labels of the hosts that it is for; none fits every host. */
  readonly requirements: Readonly<Record<string, string>>;
  readonly weight: number;
}

export interface ScalerTrait {
  readonly type: "spreadscaler" | "daemonscaler";
  readonly instances: number;
  readonly spread: readonly Spread[];
}

export interface LinkTrait {
  readonly type: "link";
  readonly name: string;
  readonly namespace: string;
  readonly package: string;
  readonly interfaces: readonly string[];
  /** Name of a component of the manifest. */
  readonly target: LinkSide & { readonly name: string };
  readonly source: LinkSide;
}

export type Trait = ScalerTrait | LinkTrait;

/** A component of another application. */
export interface ApplicationReference {
  readonly name: string;
  readonly component: string;
}

export interface ManifestComponent extends LinkSide {
  readonly name: string;
  /** A capability is a provider. */
  readonly kind: "component" | "capability";
  readonly origin:
    | { readonly image: string; readonly application?: undefined }
    | { readonly application: ApplicationReference; readonly image?: undefined };
  readonly id: string | undefined;
  readonly traits: readonly Trait[];
}

export interface Policy {
  readonly name: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly name: string;
  readonly version: string | undefined;
  readonly description: string | undefined;
  /** Other applications may refer to its components. */
  readonly shared: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly policies: readonly Policy[];
  readonly components: readonly ManifestComponent[];
}
