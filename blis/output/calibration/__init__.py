"""What does a calibration look like? Text for a terminal, files for programs, figures and a page for people."""
