"""What commands print on a terminal: tables and sentences."""
