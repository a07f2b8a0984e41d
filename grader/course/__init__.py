"""A whole course on one page for staff: results, histories and the index of hand-ins -> files."""
