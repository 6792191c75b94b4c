// The table of visits. Pets are another component's: only their numbers are known here.

const TABLES = `
CREATE TABLE visits_counters (name text PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE visits (
  id bigint PRIMARY KEY,
  pet_id bigint NOT NULL,
  visit_date date NOT NULL,
  description text NOT NULL CHECK (length(description) BETWEEN 1 AND 500)
);
CREATE INDEX visits_of_pets ON visits (pet_id, visit_date)`;

const SEED = `
INSERT INTO visits (id, pet_id, visit_date, description) VALUES
  (1, 1, '2023-05-02', 'Yearly vaccination'),
  (2, 2, '2023-10-19', 'Limps on the left hind leg'),
  (3, 2, '2023-11-02', 'Leg is well again'),
  (4, 7, '2024-02-08', 'Does not eat');
INSERT INTO visits_counters (name, value) VALUES ('visit', 4)`;

export const MIGRATIONS: readonly string[] = [TABLES, SEED];
