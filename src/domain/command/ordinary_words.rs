//! Ordinary words within two letters of one of ours. As a first word they begin instructions; everything else that near is a slip.
//!
//! Chosen by hand from the commonest eleven thousand English words, with verbs, nouns and abbreviations of programming added.

/// In lower case, sorted.
#[rustfmt::skip]
pub(super) static ORDINARY_WORDS: [&str; 308] = [
    "a", "ab", "abc", "ace", "ack", "act", "actor", "ad", "add", "ads", "age", "ago", "ai", "aid", "aim", "air", "al",
    "all", "alt", "am", "amd", "ample", "amps", "an", "and", "any", "api", "apk", "app", "apps", "apr", "arc", "are",
    "arg", "arm", "arms", "army", "art", "as", "asap", "ask", "asm", "ast", "at", "atm", "atom", "atop", "ave", "avg",
    "awk", "aws", "axe", "bell", "belt", "blade", "bmp", "bp", "bump", "cam", "came", "camp", "camps", "cap", "cause",
    "cell", "champ", "cheap", "chop", "clamp", "clause", "cloud", "clouds", "clue", "cod", "code", "codec", "codecs",
    "coded", "codes", "come", "comes", "comet", "comp", "cone", "cop", "cope", "core", "cover", "cp", "cpp", "crop",
    "crude", "csp", "cup", "dam", "damp", "deep", "dip", "doctors", "donor", "door", "drop", "dump", "entry", "esp",
    "estates", "exp", "factor", "fell", "felt", "fm", "ftp", "game", "gaming", "gap", "gcp", "gimp", "half", "hall",
    "halt", "ham", "he", "head", "heal", "heap", "hear", "heat", "heck", "heel", "heels", "held", "hell", "hello",
    "helm", "helped", "helper", "helps", "hemp", "her", "herb", "here", "hero", "hers", "hex", "hey", "hill", "hold",
    "hole", "holy", "hoop", "hop", "http", "hull", "im", "imap", "imp", "index", "ip", "jam", "jump", "keep", "kelp",
    "lamp", "lap", "leap", "loop", "m", "map", "me", "melt", "metre", "metro", "mini", "mode", "model", "modes",
    "motor", "mp", "my", "name", "node", "nodes", "op", "p", "php", "pop", "pretty", "prop", "pump", "ram", "ramp",
    "ready", "rear", "relay", "rely", "remind", "rep", "reply", "repro", "retire", "retro", "return", "rode", "same",
    "samp", "scope", "seats", "sector", "self", "sell", "seo", "sep", "setup", "sheep", "shelf", "shell", "ship",
    "shoe", "shop", "shops", "shot", "show", "skip", "slap", "slip", "slope", "slot", "slow", "sms", "smtp", "snap",
    "snow", "so", "soap", "son", "soon", "sop", "soup", "spot", "st", "stab", "stages", "stairs", "stamp", "stamps",
    "stands", "star", "stars", "starts", "startup", "stat", "state", "stated", "states", "static", "statuses",
    "statute", "stay", "stays", "std", "steep", "stem", "step", "steps", "stir", "stock", "stoke", "stole", "stomp",
    "stone", "stood", "stops", "store", "storm", "story", "stow", "strap", "strip", "stub", "stud", "swamp", "swap",
    "tap", "tcp", "tell", "temp", "tip", "tmp", "to", "toe", "ton", "too", "top", "tops", "tow", "toy", "tramp",
    "try", "udp", "up", "vamp", "vector", "very", "well", "xml", "yell", "yelp", "zip",
];
