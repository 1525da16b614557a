/**
 * Whether a word is one of the language that messages are written in, or may be somebody's name. Asked only where a
 * name is likely, as behind `user`: there, what is no common word varies (`user ann was locked`), and common words
 * belong to the statement (`user session expired`).
 */
export function isCommonWord(word: string): boolean {
  if (word.length < 3) return true;
  const lower = word.toLowerCase();
  if (COMMON.has(lower) || ENDINGS.test(lower)) return true;
  if (lower.endsWith("s") && COMMON.has(lower.slice(0, -1))) return true;
  const dash = lower.search(/[-_./+:]/);
  // `read-only`, `not_found`: each part by itself. `web-a` is a name.
  return dash > 0 && lower.split(/[-_./+:]/, 8).every((part) => part === "" || COMMON.has(part) || ENDINGS.test(part));
}

/** Endings of verbs, adjectives and abstract nouns. Each needs letters in front, so that `fred` and `king` are names. */
const ENDINGS =
  /^.{3,}(?:ed|ing|tion|tions|sion|sions|ment|ments|ness|able|ible|ity|ities|ful|less|ous|ive|ance|ence|ship|ally|ily)$/;

const COMMON: ReadonlySet<string> = new Set(
  (
    "aborted about above absent accepts access account accounts across action active activity actual adapter add added " +
    "address admission after again agent agents agreement ahead alert alias alive all allow allows already also alternate always " +
    "and another answer any api app application approval archive are argument arguments around array article asset assets " +
    "async attempt attempts attribute audit auth author authority auto avatar average avoid away back backend background " +
    "backlog backup bad badge balance ban bandwidth bank base basic basket batch because become been before began behind being " +
    "below best between big bill bind binary bit block blob blog body book boot both bound box branch bridge broke broken " +
    "broker browser bucket budget buffer bug build built bulk bundle bus business busy but buy byte bytes cache call called " +
    "caller calls came camera can cancel cannot cap capacity card care cart case cast catch cause cell central cert " +
    "certificate chain change changes channel char charge charset chat check checks checkpoint checksum child choice chunk " +
    "cipher city class clean clear click client clients clock clone close closed cloud cluster code codec cold collection column " +
    "command comment commit common company compare complete component computer config configuration confirm conflict connect " +
    "connects console consumer contact container content contents context control controller convert cookie cookies copy core corrupt cost could " +
    "count counter country coupon cpu crash create created creator credential credentials credit criteria cron cross currency current " +
    "cursor custom customer cut cycle daemon data database date day days dead deadline deadlock debit debug decode deep " +
    "default define delay delete deleted delivery denied deny depth design detail details detect device devices did diff " +
    "differ digest dir direct directory dirty disable disk display dns document does doesn domain don done door down draft " +
    "drain drive driver drop dry due dump duplicate during each early echo edge edit editor either element else email " +
    "empty enable encode end ended ending endpoint ends engine enough enter entity entries entry enum environment equal error errors " +
    "even event events ever every exact example exceeds except exception exchange exclude execute exec exist exists exit exited exits " +
    "expect expired expiry export extension external extra fact fail failed fails failure failures fallback false fast fatal fault " +
    "favor feature feed fetch few field fields file filename files fill filter final find fine finish fire first fit fix " +
    "flag flags flow flush folder follow font for force foreign forget fork form format forward found frame free from front full " +
    "function further gap gateway gave general generic get gets give given global gone good got grant grants graph great group " +
    "groups half hand handle handler hang happen hard has hash have head header headers health heap heartbeat height help here hidden high " +
    "hit hold home hook host hosts hot hour hours how html http https human icon identifier identity idle ignore image images import inbox in incorrect " +
    "index info init inner input insert inside install instance instead int integer intent interface internal interval into invalid " +
    "inventory invoice is isn issue issuer item items iterator its itself job jobs join journal json jump just keep kernel key keys kind " +
    "knew known label lack lag language large last late latest launch layer layout lead leader leaf lease least leave left legacy len " +
    "length let letter level library license life like limit limits line lines link links list listen listener little live load loader local " +
    "locale location lock locked log logged logger logic login logins logout long lookup loop lost low machine made mail main make makes manager manifest " +
    "manual many map mapping mark market mask master match matches max maximum may mean media member members memory menu merge message " +
    "messages metadata method metric migrate min minimum minute minutes mismatch miss missing mode model module monitor month more most " +
    "mount move much multiple must mutex name named names namespace native near need needs nested network never new newer next nil no node " +
    "nodes none nor not note nothing notice now null number object objects off offer offline offset old older on once one online only onto " +
    "open opened operation operator option options order orders origin original other our out outbox outer output outside over overflow overload " +
    "own owner owners pack package packet page pages pair panel panic param parameter parent parse parser part partial partition parts party pass " +
    "password past patch path paths pattern pause pay payload payment peer pending per perhaps period permission permissions person phase phone photo pick " +
    "picture pid ping pipe pipeline place plan platform player please plugin point pointer policy poll pool poor port portal position " +
    "post power pre prefix present preset pressure prevent price primary principal print prior priority private probably problem process " +
    "processes processor producer product profile profiles program project promise promo proof property protocol provider proxy public publish pull push put " +
    "quarantine query question queue quick quit quiet quota quote raise ran random range rate raw reach read reader ready real realm reason " +
    "reboot receipt received record records recover reference refresh refuse region register registry reject release reload remain remote remove rename " +
    "render renew repeat replica reply report reports repository request requests require requires reserve reset resource resources response " +
    "restart restore result results resume retries retry return returns revert review revision rich right ring rise role roles roll root round route router row rows " +
    "rule rules run running runs runtime safe said same sample save say scale scan schedule scheduler schema scope score screen script search seat second " +
    "seconds secret section secure see seed seek seem segment select self sell semaphore send sender sends sensor sent sequence serial server servers " +
    "service services session sessions set setting settings setup several shape shard share shed shell shift ship shop short should show shut side sign signal " +
    "signature simple since single site size skip slave sleep slot slow small snapshot socket soft some something soon sort source " +
    "space span spec special speed spent split stack stage stale stall standard start started starts state status stay step steps still stock stop " +
    "stops storage store story strategy stray stream string structure style subject submit subnet subscriber subscription success such suite sum super supply " +
    "support sure suspect swap switch symbol sync syntax system table tag tail take taken takes target task tasks team temp template tenant term test text " +
    "than that the their them then there these they thing this those though thread threads threshold through throw throws tick ticket tier till time " +
    "timeout timer times timezone title tls today together token tokens too took tool top topic total trace track trade traffic transaction transfer transient " +
    "transport trash tree trial tried trigger trip true trust try tunnel turn twice two type types under unhealthy unit units unknown unless until unset up update updates " +
    "upgrade upload uploads upon upper upstream url usage use used user username users uses using usual valid value values variable vault vendor verify version very via " +
    "view virtual visit volume vote wait waits wake wallet want wants warehouse warm warn was wasn watch way weak web week weight well went were what when where which while who whole why " +
    "abroad absent alone asleep awake forbidden frozen overdrawn overdue stolen stuck unable unpaid unread unseen undone unfit " +
    "width will window with within without won word words work worker workers world would wrap write writer writes wrong year yes yet you your zero zone " +
    // What programs are made of and talk to: these say which part failed.
    "aws azure docker elasticsearch gcp git github gitlab google grpc java kafka kubernetes ldap linux mongo mongodb mysql nginx " +
    "npm oauth oracle postgres postgresql python rabbitmq redis saml slack smtp sql sqlite ssh ssl stripe tcp udp windows xml yaml"
  ).split(" "),
);
