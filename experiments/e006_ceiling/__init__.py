"""How much better could requests be placed than by the best hand-written policy?"""
