-- The defaults that administrators gave to the fields of a form: a JSON object of scalars. A field without one keeps
-- the default of the program.
CREATE TABLE params (
  name TEXT PRIMARY KEY,
  defaults TEXT NOT NULL CHECK (json_valid(defaults) AND json_type(defaults) = 'object'),
  updated_at INTEGER NOT NULL
) STRICT;
