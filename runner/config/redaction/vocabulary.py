"""Common words of messages, which are never masked in a sentence. Pure."""

_WORDS = """
    a abort aborted about above absolute accept acceptable accepted access account action active
    add added address addresses admin administrator after again all allow allowed already always
    an and another answer any app append application apply april archive are args argument
    arguments as at attempt august auth authentication author authorization authorized available
    back backend backup backups bad bandwidth base be because before begin below better between
    binary blob blobs block body boot both bound branch broken bucket buffer build busy by bytes
    cache cached call canceled cannot cat certificate change changed changes check checking
    child chunk clean client close closed cloud cluster code command commands common complete
    compression config configuration connect connected connection container content context
    continue control copied copy could count create created credential credentials current
    daemon damaged data database databases date day days deadline debug december default delete
    deleted demo denied dependency deployment destination detected dev device dial different
    digest directories directory disabled disk does domain done down download drive dropped dump
    duplicate empty enabled encrypted end ended endpoint error errors exceeded exclude exec
    exist existing exists exit expected expired export failed failure false fatal february few
    field file files filesystem filter finished first flag folder for forbidden force forget
    form format found free friday from full function gateway get give given go gone good group
    guest handshake has hash have head header headers health help helper here hidden hook host
    hostname hour hours html http https id identifier if ignore ignored image implemented in
    incomplete index info information init initialized input insecure install insufficient
    integrity interface internal interrupt interrupted invalid io is issue it item january json
    july june keep kept key keys killed kind known kubernetes large last latest left length less
    limit line lines link list listen listing little load loaded local localhost location lock
    locked locks log login long look lookup loop lost mail main maintenance make making manifest
    march mariadb master match maximum may memory message metadata method minimum minio minute
    minutes mirror missing mode module monday more most mount mounted must mysql name names
    namespace net network never new next no nobody node none not nothing november ntfy null
    number object objects october of off offset ok old on once one only open opened opening
    operation option options or original other out output over owner pack packs parameter parent
    parse parsing part pass passed passphrase password passwords path paths pause permission
    permissions ping pipe please pod pods pool port possible post postgres postgresql pre prefix
    present previous print private problem process processed processing prod production profile
    program progress project protocol proxy prune public push pushgateway put query quit quota
    range rate raw rclone read reading ready reason received record redirect redis refused
    region release remote remove removed repair repository request required reset resolve
    resolving resource response restic restore restored result retention retry retrying return
    role root run runner running runtime sample saturday save saved schedule script search
    second seconds secret secrets section security seems select send sent september server
    service session set settings shared shell short should signal signature size skip skipped
    slow snapshot snapshots socket some source space specified specify sqlite stage staging
    start started starting state status still stop stopped storage store stream string structure
    subject success successful such sunday support supported sync system table tag tags target
    task temporary terminated test text than that the then there this thursday time timed
    timeout title tls to token too tools total transfer transport tree trees tried true trusted
    try tuesday type unable unauthorized undefined unexpected unit unknown unlock unmodified
    unreachable until unused up update upload usage use used user users using valid value values
    variable verify version view volume volumes wait waiting warning was web webhook wednesday
    week were while will with without word words work worked working workload workspace write
    writing written wrong yes you your zero zone
"""
WORDS = frozenset(_WORDS.split())


def holds(text: str) -> bool:
    """Whether a text is a common word in any case, or a number that counts something."""
    return text.casefold() in WORDS or (text.isdecimal() and len(text) < 6)
