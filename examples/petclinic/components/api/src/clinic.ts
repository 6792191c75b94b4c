// The domain components, as the API uses them.

import type { Owner, OwnerDraft, OwnerFile, OwnerList, Pet, PetDraft } from "petclinic:clinic/owners@0.1.0";
import type { Page } from "petclinic:clinic/types@0.1.0";
import type { VetList } from "petclinic:clinic/vets@0.1.0";
import type { Visit, VisitDraft } from "petclinic:clinic/visits@0.1.0";
import type { CalendarDate } from "../../common/calendar.ts";

export interface Clinic {
  readonly owners: {
    search(name: string, page: Page): OwnerList;
    get(id: number): OwnerFile;
    add(draft: OwnerDraft): Owner;
    addPet(owner: number, draft: PetDraft): Pet;
    species(): readonly string[];
  };
  readonly vets: { search(page: Page): VetList };
  readonly visits: {
    ofPets(pets: number[]): readonly Visit[];
    add(pet: number, draft: VisitDraft): Visit;
  };
  today(): CalendarDate;
}
