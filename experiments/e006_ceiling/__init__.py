"""How much better could requests be placed than by the best baseline?"""
