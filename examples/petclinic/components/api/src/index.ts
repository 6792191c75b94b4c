// The WIT edges of the API: HTTP in front, the domain components behind.

import * as owners from "petclinic:clinic/owners@0.1.0";
import * as vets from "petclinic:clinic/vets@0.1.0";
import * as visits from "petclinic:clinic/visits@0.1.0";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { serveHttp } from "../../common/http.ts";
import { answer, type ApiDeps } from "./answer.ts";

const deps: ApiDeps = {
  clinic: {
    owners,
    vets,
    visits: { ofPets: (pets) => visits.ofPets(Uint32Array.from(pets)), add: visits.add },
    today() {
      const now = new Date();
      return { year: now.getUTCFullYear(), month: now.getUTCMonth() + 1, day: now.getUTCDate() };
    },
  },
  warn: (message) => log("warn", "api", message),
};

export const incomingHandler = serveHttp((request) => answer(request, deps));
