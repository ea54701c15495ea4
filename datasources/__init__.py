"""Where the data lives: one contract (`base`), and one adapter for each kind of datasource."""
