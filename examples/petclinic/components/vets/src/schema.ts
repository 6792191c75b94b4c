// The tables of vets, and those who work in a new clinic.

const TABLES = `
CREATE TABLE vets (
  id bigint PRIMARY KEY,
  first_name text NOT NULL,
  last_name text NOT NULL,
  last_key text NOT NULL
);
CREATE TABLE vet_specialties (
  vet_id bigint NOT NULL REFERENCES vets (id),
  name text NOT NULL,
  PRIMARY KEY (vet_id, name)
)`;

const SEED = `
INSERT INTO vets (id, first_name, last_name, last_key) VALUES
  (1, 'Ines', 'Albrecht', 'albrecht'),
  (2, 'Jonas', 'Brandt', 'brandt'),
  (3, 'Kamala', 'Iyer', 'iyer'),
  (4, 'Liam', 'Doherty', 'doherty'),
  (5, 'Mei', 'Tanaka', 'tanaka');
INSERT INTO vet_specialties (vet_id, name) VALUES
  (1, 'surgery'), (1, 'dentistry'), (3, 'radiology'), (4, 'birds and reptiles'), (5, 'surgery')`;

export const MIGRATIONS: readonly string[] = [TABLES, SEED];
