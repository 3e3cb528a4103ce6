"""Common English words, which the tokenizers of language models know as one token each after a space."""

_TEXT = """
the of and to in is was for on that with as at by from his it an are which this be or had not have were but
one their first her they its who also has all two been more when there into other she after would only some
time most may over these such about many then them no used between him out can so made three year new during
where while part up any both city work known state world became well through around since later called name
number life under before long because second several four group people could end against until day high house
water small large place use school early music game even each same home area great form set like line left
last back main land old play film book series team own public power right way war list best top local late
along just those near few among still open common per different point much five given young order short down
good study family field change story body king church town island river north south east west street road
party air force law death women men man case six seven eight ten next example night light level head hand face
side love less full free front black white red green blue song record album color sound voice word language
science data system program model research theory history art business company market trade price cost value
money pay tax bank stock food plant animal tree fish dog horse bird sea lake mountain hill rock stone gold
iron metal fire heat cold wind rain snow sun moon star earth space minute hour week month summer winter spring
fall morning today now here again soon already often always never very quite too almost perhaps rather however
though although if unless whether why how what whose read write speak tell ask answer question think believe
feel know learn teach find lose keep give take bring carry hold put move turn stop start begin continue follow
lead run walk stand sit fly drive build break cut grow rise drop reach touch hit catch throw pull push win
beat sell buy send receive meet join leave return enter cross
"""

WORDS: tuple[str, ...] = tuple(_TEXT.split())
