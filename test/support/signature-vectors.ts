// Signatures that the programs of others made, once: what they write is what is read here.

/** wascap 0.15.3: a component with a module and a component in it, older tokens at each depth, and padded lengths. */
export const WASCAP_COMPONENT = {
  issuer: "AAZMGFG6XWUXKJY4CHSTNP74BOTQREVUX3WRRYRT7ME56LWAJ4YN56TX",
  /** Base64. */
  bytes: [
    "AGFzbQ0AAQAACQRuYW1la2VwdAQXAGFzbQ0AAQABDQBhc20BAAAABQMBAAEIAQAA7AQNd2FzbWNsb3VkX2p3dGV5SjBlWEFpT2lKcWQz",
    "UWlMQ0poYkdjaU9pSkZaREkxTlRFNUluMC5leUpsZUhBaU9qSXhNVEV5TURFeE1UWXNJbXAwYVNJNkltRmtjSFpTZG5CU2RXRjJRa0pM",
    "Y0RGb2JYTlNURmdpTENKcFlYUWlPakUzT1RVNE5ERXhNVFlzSW1semN5STZJa0ZCV2sxSFJrYzJXRmRWV0V0S1dUUkRTRk5VVGxBM05F",
    "SlBWRkZTUlZaVldETlhVbEpaVWxRM1RVVTFOa3hYUVVvMFdVNDFObFJZSWl3aWMzVmlJam9pVFVKVU5rVlRRVkZVU1ZGSVJVTlRTek5H",
    "VlZaRldrZFdWRWxhUzB0RFZrcFdObGhTV0U5WFZrbFlSMWRPVkV4WFJEZFdTVlpUUVVJaUxDSjNZWE5qWVhBaU9uc2libUZ0WlNJNklt",
    "RndjQ0lzSW1oaGMyZ2lPaUpFUkRaRU5ERXpSVGxHTkVVeFFVTTVOMFF4TVVZeU1UUTVSall5UmpaRE1UTkVPRGRFTjBNek1qZEdSRFl5",
    "TlRORFFqZ3hPREkyTWtNNE9UazVOVUpESWl3aWRHRm5jeUk2VzEwc0luSmxkaUk2Tnl3aWRtVnlJam9pTVM0eUxqTWlMQ0p3Y205Mklq",
    "cG1ZV3h6Wlgwc0luZGhjMk5oY0Y5eVpYWnBjMmx2YmlJNk0zMC5pb2ZBZXJJV1RuNDNyTzctUXZMOVlRMnpIV0Z6Z050bEJicFRQaWQ1",
    "QVlkWW8xWjBHVHpGYzBJQ093MlBzTGh0Tk9Na20zcGtHSGJhQ282dk91Q1ZEUQ==",
  ].join(""),
} as const;

/** What cosign signs and signs with: sigstore 1.9.5 (`signature/payload`, `signature`). Of the component with nothing in it. */
export const COSIGN_SIGNATURES = [
  {
    algorithm: "p256",
    publicKey: [
      "-----BEGIN PUBLIC KEY-----",
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHGgGsH49QJ+57519wW2V8sp7E4/z",
      "3KBY1S58qAqClCbOn3os4Kec3mWfEu0cTY6Y1woxXlc4QiRsb6raehBmxw==",
      "-----END PUBLIC KEY-----",
    ].join("\n"),
    payload: [
      "eyJjcml0aWNhbCI6eyJpZGVudGl0eSI6eyJkb2NrZXItcmVmZXJlbmNlIjoicmVnaXN0cnkuZXhhbXBsZS9hcHAifSwiaW1hZ2UiOnsi",
      "ZG9ja2VyLW1hbmlmZXN0LWRpZ2VzdCI6InNoYTI1NjoyNGVhZjM0MzlhNjBjOTY3NjRjNGYyYzkyYTBhODFiNTJiZDRmZTVkNWI5MWYw",
      "OTAxODRhMGY2NDg2YjFiZjI5In0sInR5cGUiOiJjb3NpZ24gY29udGFpbmVyIGltYWdlIHNpZ25hdHVyZSJ9LCJvcHRpb25hbCI6eyJu",
      "YW1lIjoiYXBwIiwidmVyc2lvbiI6IjEuMi4wIn19",
    ].join(""),
    signature: "MEYCIQDqcTO0V6jsiGdxREaTtNvqLJ8KqRENda6Y9RYVA8mJ+wIhAIdFZvCGlPUhJb/iYp2U9NAVpdZrm+Ph60rhqXrQnV5b",
  },
  {
    algorithm: "ed25519",
    publicKey: [
      "-----BEGIN PUBLIC KEY-----",
      "MCowBQYDK2VwAyEAQN5atGUKWt3QbCGK+Bkx5ouHnuszXMWRWYM0QEhp1lw=",
      "-----END PUBLIC KEY-----",
    ].join("\n"),
    payload: [
      "eyJjcml0aWNhbCI6eyJpZGVudGl0eSI6eyJkb2NrZXItcmVmZXJlbmNlIjoicmVnaXN0cnkuZXhhbXBsZS9hcHAifSwiaW1hZ2UiOnsi",
      "ZG9ja2VyLW1hbmlmZXN0LWRpZ2VzdCI6InNoYTI1NjoyNGVhZjM0MzlhNjBjOTY3NjRjNGYyYzkyYTBhODFiNTJiZDRmZTVkNWI5MWYw",
      "OTAxODRhMGY2NDg2YjFiZjI5In0sInR5cGUiOiJjb3NpZ24gY29udGFpbmVyIGltYWdlIHNpZ25hdHVyZSJ9LCJvcHRpb25hbCI6eyJu",
      "YW1lIjoiYXBwIiwidmVyc2lvbiI6IjEuMi4wIn19",
    ].join(""),
    signature: "X832oGuofg9XK2f+crHYTfogIykpmtzjLtEa3VE41lTIuM8BKauZh6FEMDNuwqKYWew4Mn0mEVn6C1S+d6O8Ag==",
  },
] as const;
