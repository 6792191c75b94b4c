// The tables of owners and their pets, and those that a new clinic knows.

const TABLES = `
CREATE TABLE owners_counters (name text PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE owners (
  id bigint PRIMARY KEY,
  first_name text NOT NULL CHECK (length(first_name) BETWEEN 1 AND 40),
  last_name text NOT NULL CHECK (length(last_name) BETWEEN 1 AND 40),
  first_key text NOT NULL,
  last_key text NOT NULL,
  address text NOT NULL CHECK (length(address) BETWEEN 1 AND 120),
  city text NOT NULL CHECK (length(city) BETWEEN 1 AND 80),
  telephone text NOT NULL CHECK (length(telephone) BETWEEN 3 AND 24),
  UNIQUE (last_key, first_key, telephone)
);
CREATE TABLE species (name text PRIMARY KEY);
CREATE TABLE pets (
  id bigint PRIMARY KEY,
  owner_id bigint NOT NULL REFERENCES owners (id),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
  name_key text NOT NULL,
  species text NOT NULL REFERENCES species (name),
  birth_date date NOT NULL,
  UNIQUE (owner_id, name_key)
)`;

const SEED = `
INSERT INTO species (name) VALUES ('bird'), ('cat'), ('dog'), ('hamster'), ('lizard'), ('rabbit');
INSERT INTO owners (id, first_name, last_name, first_key, last_key, address, city, telephone) VALUES
  (1, 'Amira', 'Haddad', 'amira', 'haddad', '4 Quay Street', 'Harbourton', '0155 201 334'),
  (2, 'Bruno', 'Keller', 'bruno', 'keller', '17 Mill Lane', 'Oberfeld', '0155 201 871'),
  (3, 'Carmen', 'Núñez', 'carmen', 'nunez', '2 Orchard Row', 'Harbourton', '0155 203 110'),
  (4, 'Derek', 'Olsen', 'derek', 'olsen', '88 Station Road', 'Westmoor', '0155 204 902'),
  (5, 'Elif', 'Kaya', 'elif', 'kaya', '31 Chapel Hill', 'Oberfeld', '0155 206 447'),
  (6, 'Frank', 'Osei', 'frank', 'osei', '9 Tannery Court', 'Westmoor', '0155 207 735');
INSERT INTO pets (id, owner_id, name, name_key, species, birth_date) VALUES
  (1, 1, 'Pepper', 'pepper', 'cat', '2019-04-12'),
  (2, 2, 'Rolf', 'rolf', 'dog', '2016-09-30'),
  (3, 2, 'Tilda', 'tilda', 'dog', '2021-01-05'),
  (4, 3, 'Sol', 'sol', 'bird', '2022-06-18'),
  (5, 4, 'Biscuit', 'biscuit', 'hamster', '2023-11-02'),
  (6, 5, 'Pamuk', 'pamuk', 'rabbit', '2020-03-27'),
  (7, 6, 'Kente', 'kente', 'lizard', '2018-07-14');
INSERT INTO owners_counters (name, value) VALUES ('owner', 6), ('pet', 7)`;

export const MIGRATIONS: readonly string[] = [TABLES, SEED];
