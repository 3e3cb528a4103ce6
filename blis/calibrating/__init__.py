"""How near are the simulator's predictions to what a real server did?

`formats/` reads what was measured, `replay` sends the same requests at the same times through the simulator, `pairing`
puts each measured request beside its simulated one and counts those that have no partner, `comparison` says how far
they are apart, `resampling` how sure that is, `bands` what it is good for, and `calibration` puts it together, for one
measured run or for several load levels.
"""
