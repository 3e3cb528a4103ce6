"""How well does a fit find coefficients that are known?"""
