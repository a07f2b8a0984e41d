# Another one, with a comma in it.
