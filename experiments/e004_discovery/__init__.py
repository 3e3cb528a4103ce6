"""Does a search find policies that hold? Every problem, several seeds, judged on seeds of their own."""
