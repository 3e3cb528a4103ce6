"""Published findings of experiments with a simulator of this kind, simulated again: do they hold here?"""
