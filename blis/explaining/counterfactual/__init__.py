"""What if a decision had been another one?

Three measures of regret, which nobody should mistake for one another:

score regret
    Best score minus the chosen instance's, in the policy's own units; zero by construction for a policy that takes the
    best score. Recorded with every routing decision (`routing_regret`).
reference regret [ms]
    Expected TTFT of the chosen instance minus the least one, by one fixed model for all policies
    (`blis.engine.expectation`).
rollout regret [ms]
    For sampled decisions, what the request's TTFT and E2E really would have been elsewhere: the simulation is forked,
    the other choice is made, and everything else goes on as before (`blis.explaining.counterfactual.rollout`).
"""
