"""AlberDICE: Algorithm 1 on samples.

settings      what can be chosen
forms         what policies look at: an observation
windows       or a history
conditional   the network of pi^D(a_-i|s, a_i)
behaviour     the data's own policies: pi_i^D and pi^D(a_-i|s, a_i), cloned once
price         the others' divergence from them, while the policies change in turn
minibatch     what one round looks at
turns         the agents' turns of a round
rounds        a round of all agents, and the critics' steps
starts        further starts
episodes      instead of rounds, turns by weights of whole episodes
agreements    further starts of these
remembering   policies that are cloned on what has the weight in the end
learner       who makes these, and which of them is due
"""

from alberdice.deep.algorithms.alberdice.learner import AlberDICE
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig

__all__ = ["AlberDICE", "AlberDICEConfig"]
