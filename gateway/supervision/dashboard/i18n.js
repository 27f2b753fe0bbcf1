/**
 * Every text of the screen, once, in both languages: `key: [中文, English]`.
 *
 * Chinese terms follow GB/T 41261-2022 (报警系统管理): 确认 acknowledge, 复位 reset, 锁定 latched, 搁置 shelved,
 * 设计抑制 suppressed by design, 停用 out of service. `{name}` is replaced by a parameter.
 */

const LANGUAGES = ["zh-CN", "en"];
const STORED = "hazgate.language";

const TEXTS = {
  "product.subtitle": ["高危作业场所安全监测预警", "High-hazard site monitoring"],
  "language.other": ["EN", "中文"],
  "language.switch": ["Switch to English", "切换为中文"],
  "comma": ["，", ", "],

  "login.name": ["账号", "Account"],
  "login.password": ["密码", "Password"],
  "login.send": ["登录", "Log in"],
  "login.wrong": ["账号或密码不正确。", "The account name or the password is wrong."],
  "login.many": ["尝试次数过多，请稍后再试。", "Too many attempts. Wait a while and try again."],
  "login.ended": ["登录已失效，请重新登录。报警声音已停止！", "Your session has ended: log in again. Alarms no longer sound here!"],
  "login.changed": ["密码已修改，请用新密码登录。登录前，本机不会发出报警声音！", "Your password has been changed. Log in with the new one: until then no alarm sounds here!"],
  "login.unreachable": ["无法连接服务器，请检查网络后重试。", "The server cannot be reached. Check the network and try again."],
  "login.failed": ["登录失败：{reason}", "Login failed: {reason}"],
  "login.waiting": ["正在连接服务器…", "Connecting to the server…"],

  "bar.unacknowledged": ["未确认报警", "Unacknowledged alarms"],
  "bar.sites": ["监控中心 · {n} 个站点", "Monitoring centre · {n} sites"],
  "bar.links": ["网关在线 {up}/{all}", "Gateways up {up}/{all}"],
  "bar.account": ["账号 {name}（{role}）", "Account {name} ({role})"],
  "bar.password": ["修改密码", "Change password…"],
  "bar.logout": ["退出登录", "Log out"],
  "bar.clock": ["服务器时间", "Server time"],
  "bar.off": ["本机时钟比服务器{way} {age}", "This computer's clock is {age} {way} the server's"],
  "bar.fast": ["快", "ahead of"],
  "bar.slow": ["慢", "behind"],
  "role.viewer": ["只读", "Viewer"],
  "role.operator": ["操作员", "Operator"],
  "role.administrator": ["管理员", "Administrator"],

  "live.live": ["实时", "Live"],
  "live.stale": ["非实时", "Not live"],
  "live.contact": ["最近通信 {time}", "Last contact {time}"],
  "live.since": ["画面自 {time} 起不再实时更新", "THIS SCREEN IS NOT LIVE since {time}"],
  "live.advice": [
    "与服务器的通信已中断（已 {age}），以下均为旧数据。请改用现场报警器、电话等手段掌握现场情况。系统正在自动重连。",
    "The connection to the server is broken ({age}); everything below is old. Rely on the site's own sirens and the telephone. Reconnecting by itself.",
  ],
  "live.never": ["正在连接，画面尚未实时", "Connecting: this screen is not live yet"],
  "live.reading": ["正在读取最新状态…", "Reading the present state…"],
  "live.fault": ["画面程序出错，内容可能不完整", "This screen has a fault; what it shows may be incomplete"],
  "live.reload": ["重新载入", "Reload"],
  "store.since": ["本中心自 {time} 起无法保存数据", "THIS CENTRE CANNOT SAVE ANYTHING since {time}"],
  "store.advice": [
    "磁盘已满或无响应（已 {age}）：新报警可能无法显示，确认和督办无法保存。请立即检查本中心服务器的磁盘，其间以现场报警器和现场画面为准。",
    "Its disk is full or not responding ({age}): new alarms may not appear, and acknowledgements and acts are not saved. Have the server's disk checked at once; until then rely on the sites' own sirens and screens.",
  ],

  "sound.on": ["声音正常", "Sound on"],
  "sound.sounding": ["正在鸣响", "Sounding"],
  "sound.blocked": ["启用声音", "Enable sound"],
  "sound.none": ["本浏览器不能发声", "This browser cannot make sound"],
  "sound.muted": ["已消音，剩余 {left}", "Muted, {left} left"],
  "sound.mute": ["消音", "Mute"],
  "sound.mute.for": ["消音 {n} 分钟", "Mute for {n} min"],
  "sound.unmute": ["恢复声音", "Unmute"],
  "sound.rule": ["消音只停本机声音，不确认报警；有新报警时立即恢复鸣响。", "Muting silences this computer only and acknowledges nothing; a new alarm sounds at once."],
  "sound.test": ["试音", "Test tones"],

  "priority.critical": ["紧急", "Critical"],
  "priority.high": ["高", "High"],
  "priority.medium": ["中", "Medium"],
  "priority.low": ["低", "Low"],
  "letter.critical": ["急", "C"],
  "letter.high": ["高", "H"],
  "letter.medium": ["中", "M"],
  "letter.low": ["低", "L"],

  "state.NORM": ["正常", "Normal"],
  "state.UNACK": ["未确认", "Unacknowledged"],
  "state.ACKED": ["已确认，报警持续", "Acknowledged, still in alarm"],
  "state.RTNUN": ["已恢复，未确认", "Returned, unacknowledged"],
  "state.LUNACK": ["已恢复，锁定未确认", "Returned, latched, unacknowledged"],
  "state.LACKED": ["已恢复，锁定待复位", "Returned, latched, awaits reset"],
  "brief.NORM": ["正常", "Normal"],
  "brief.UNACK": ["未确认", "unack."],
  "brief.ACKED": ["已确认", "acknowl."],
  "brief.RTNUN": ["已恢复", "returned"],
  "brief.LUNACK": ["锁定", "latched"],
  "brief.LACKED": ["待复位", "to reset"],
  "suppression.SHLVD": ["搁置（屏蔽）", "Shelved"],
  "suppression.DSUPR": ["设计抑制", "Suppressed by design"],
  "suppression.OOSRV": ["停用", "Out of service"],
  "flag.historical": ["补传数据", "Late data"],
  "flag.test": ["测试", "Test"],
  "flag.bad": ["数据无效", "BAD value"],
  "flag.uncertain": ["数据存疑", "Uncertain value"],
  "flag.gone": ["已恢复正常", "Back to normal"],

  "title.hh": ["超过高高限", "Above the high-high limit"],
  "title.h": ["超过高限", "Above the high limit"],
  "title.l": ["低于低限", "Below the low limit"],
  "title.ll": ["低于低低限", "Below the low-low limit"],
  "title.rate": ["变化过快", "Changing too fast"],
  "title.trend": ["趋势将达到限值", "Limit will be reached"],
  "title.stuck": ["数值冻结", "Value does not move"],
  "title.anomaly": ["偏离正常运行", "Runs as it never did in normal running"],
  "title.no_data": ["无有效数据", "No usable data"],
  "own.storage_slow": ["存储缓慢，断电可能丢失数据", "Storage slow, not crash-safe"],
  "own.storage_full": ["存储已满，正在舍弃读数", "Storage full, readings are shed"],
  "own.storage_lost": ["存储失效，断电将丢失数据", "Storage lost, not crash-safe"],
  "own.storage_held": ["有程序占住存储读取，日志不断增大", "A reader holds the store, its log grows"],
  "own.storage_low": ["磁盘剩余空间不足", "Little room on the disk"],
  "own.clock_set": ["网关时钟被调整", "The gateway's clock was set"],
  "own.self_fault": ["网关程序自身故障", "Fault of the gateway's own program"],
  "own.broker_lost": ["与消息服务器失去连接", "No connection to the broker"],
  "own.state_refused": ["上级平台未接收当前报警状态", "Centre above does not take the present state"],
  "own.dead_letter": ["有事件被接收方拒收", "Events that a receiver never takes"],
  "own.outbox_lagging": ["上报积压，上级未接收", "Events wait, the parent is away"],
  "own.parent_changed": ["上级平台密钥与配对时不符，其指令一律拒绝", "Centre above has another key, its orders are refused"],
  "gateway.itself": ["网关自身", "The gateway itself"],
  "gateway.seen": ["上级中心对网关的监测", "The gateway as its centre sees it"],
  "gateway.judged": ["由中心 {centre} 判定", "judged by the centre {centre}"],
  "gateway.basis": ["网关自检", "self-check of the gateway"],
  "gateway.no_trend": ["此报警针对网关自身，没有趋势曲线", "This alarm concerns the gateway itself: there is no trend to draw"],
  "level.hh": ["高高限", "HH"],
  "level.h": ["高限", "H"],
  "level.l": ["低限", "L"],
  "level.ll": ["低低限", "LL"],
  "level.rate": ["变化率", "Rate"],
  "level.trend": ["趋势预警", "Trend"],
  "level.stuck": ["数值冻结", "Stuck"],
  "level.anomaly": ["多点联合异常", "Anomaly"],
  "level.fault": ["传感器故障", "Sensor fault"],
  "level.no_data": ["无数据", "No data"],
  "level.node": ["网关", "Gateway"],

  "what.limit": ["{value}，限值 {limit}", "{value}, limit {limit}"],
  "what.trend": ["约 {age}后达到 {limit}", "{limit} in about {age}"],
  "what.trend.due": ["预计已于 {time} 达到 {limit}", "{limit} was due at {time}"],
  "what.no_data": ["已 {age}无数据", "no data for {age}"],
  "about.s": ["{n} 秒", "{n} s"],
  "about.m": ["{n} 分钟", "{n} min"],
  "about.h": ["{n} 小时", "{n} h"],
  "age.s": ["{s} 秒", "{s} s"],
  "age.m": ["{m} 分 {s} 秒", "{m} min {s} s"],
  "age.h": ["{h} 小时 {m} 分", "{h} h {m} min"],
  "age.d": ["{d} 天 {h} 小时", "{d} d {h} h"],

  "list.title": ["报警", "Alarms"],
  "list.filter": ["筛选：位号、区域、站点、报警内容（按 / 键）", "Filter: tag, area, site, alarm ( / )"],
  "list.all": ["全部", "All"],
  "list.unacknowledged": ["未确认", "Unacknowledged"],
  "list.count": ["共 {n} 条，未确认 {u} 条", "Alarms: {n}, unacknowledged: {u}"],
  "list.calm": ["当前没有报警", "No alarms"],
  "list.calm.stale": ["画面非实时，无法判断有无报警", "Not live: whether there are alarms is not known"],
  "list.none": ["没有符合筛选条件的报警", "No alarm matches the filter"],
  "list.hidden": ["筛选隐藏了 {n} 条，其中未确认 {u} 条", "{n} hidden by the filter, {u} of them unacknowledged"],
  "list.clear": ["取消筛选", "Clear filter"],
  "list.held": ["新增 {n} 条（最高：{priority}）——点击重新排序", "{n} new (highest: {priority}): click to sort"],
  "list.more": ["再显示 {n} 条", "Show {n} more"],
  "list.keys": ["↑↓ 选择　A 或 Enter 确认　/ 筛选", "↑↓ select · A or Enter acknowledge · / filter"],
  "list.announce": ["{priority}报警：{what}，{where}", "{priority} alarm: {what}, {where}"],
  "row.raised": ["{time} · {age}前", "{time} · {age} ago"],
  "row.present": ["当前 {value}", "now {value}"],
  "row.link": ["站点通信中断，状态截至 {time}", "Link to site lost: state as of {time}"],
  "row.basis": ["依据", "Basis"],
  "row.site_limit": ["本站限值", "limit of the site"],
  "row.no_basis": ["未注明", "not stated"],
  "row.owes": ["主要来自", "Owes most to"],
  "row.owes.one": ["{tag}（{offset}σ）", "{tag} ({offset} sd)"],
  "row.by": ["{operator}：{comment}", "{operator}: {comment}"],
  "row.last": ["最近操作", "Last action"],
  "row.occurrence": ["第 {n} 次", "Occurrence {n}"],
  "row.times": ["变化 {changed}　收到 {received}", "changed {changed}, received {received}"],

  "act.acknowledge": ["确认", "Acknowledge"],
  "act.reset": ["复位", "Reset"],
  "act.acknowledge.title": ["确认报警", "Acknowledge alarm"],
  "act.reset.title": ["复位报警", "Reset alarm"],
  "act.acknowledge.note": ["确认表示您已知悉并负责处置。确认后现场警报器可能停响，但危险并未因此消除，联锁动作不变。", "Acknowledging says that you know and will act. The siren at the site may fall silent; the danger does not end by it, and interlocks stay as they are."],
  "act.acknowledge.note.centre": ["此报警由本中心发出，确认后立即生效，不下发现场。确认表示您已知悉并负责核实；现场监测是否正常，请另行联系确认。", "This centre raised the alarm: acknowledging takes effect here at once, and nothing is sent to the site. It says that you know and will find out; whether the site itself is well, ask there."],
  "act.reset.note": ["仅当现场读数有效且已回到限值以内时，现场才会接受复位。", "The site accepts a reset only on good readings inside the limit."],
  "act.act": ["督办", "Act"],
  "act.act.title": ["督办报警", "Act on this alarm"],
  "act.act.note": ["确认、搁置、复位由企业决定，本级未获授权。督办记录会送达企业现场并报上级，但不改变报警状态，也不停止现场警报器。", "Acknowledging, shelving and resetting are the enterprise's: this centre has no delegation. Your act reaches the site and the tiers above; it changes no alarm state and stops no siren."],
  "act.act.what": ["督办事项", "What you do"],
  "act.act.comment": ["督办意见", "Comment"],
  "act.act.hint": ["质询、催办须写明要求，例如：请说明现场处置情况", "A question or an urging needs words, for example: please report what is being done"],
  "do.received": ["已接收", "Received"],
  "do.questioned": ["质询", "Question"],
  "do.urged": ["催办", "Urge"],
  "do.escalated": ["升级上报", "Escalate"],
  "do.closed": ["结案", "Close the case"],
  "did.received": ["已接收", "Received"],
  "did.questioned": ["已质询", "Questioned"],
  "did.urged": ["已催办", "Urged"],
  "did.escalated": ["已升级上报", "Escalated"],
  "did.closed": ["已结案", "Case closed"],
  "did.status.pending": ["待下达现场", "not yet at the site"],
  "did.status.sent": ["已下发，待现场回执", "sent, site has not answered"],
  "did.status.expired": ["未能送达现场", "did not reach the site"],
  "did.status.refused": ["现场未接受", "not taken by the site"],
  "did.told": ["{maker}（据现场上报）", "{maker} (as the site says)"],
  "row.acts": ["上级督办", "Acts above"],
  "act.comment": ["处置说明", "Comment"],
  "act.comment.hint": ["例如：已电话通知现场值班员，正在核实", "For example: told the shift leader by telephone, being verified"],
  "act.quick.1": ["已通知现场，正在核实", "Site informed, being verified"],
  "act.quick.2": ["已组织撤离", "Evacuation under way"],
  "act.quick.3": ["现场作业所致，已有人监护", "Caused by work on site, attended"],
  "act.cancel": ["取消", "Cancel"],
  "act.sending": ["正在发送…", "Sending…"],
  "act.changed": ["打开本窗口后该报警已变化，请重新核对：", "This alarm has changed since you opened this window. Look again:"],
  "act.look": ["已核对，继续", "I have looked, go on"],
  "act.gone": ["该报警已恢复正常，无需操作。", "This alarm is back to normal; nothing is left to do."],
  "act.stale": ["画面当前非实时，恢复实时后才能发送。", "This screen is not live: nothing can be sent until it is again."],
  "act.forbidden": ["无权操作：确认权属于企业，或未授权给本账号。", "Not permitted: acknowledging belongs to the enterprise, or is not delegated to this account."],
  "act.unknown": ["服务器上已没有该报警。", "The server no longer has this alarm."],
  "act.conflict": ["未发送：该报警刚刚发生变化，请重新核对。", "Not sent: the alarm has just changed. Look again."],
  "act.unreachable": ["未发送：无法连接服务器。", "Not sent: the server cannot be reached."],
  "act.failed": ["未发送：{reason}", "Not sent: {reason}"],

  "password.title": ["修改密码", "Change password"],
  "password.account": ["账号 {name}", "Account {name}"],
  "password.field.old": ["原密码", "Current password"],
  "password.field.new": ["新密码", "New password"],
  "password.field.again": ["再次输入新密码", "New password again"],
  "password.rule": ["{least} 至 {most} 个字符", "{least} to {most} characters"],
  "password.show": ["显示密码", "Show passwords"],
  "password.note": ["修改后，本账号在所有设备上的登录都会失效，须用新密码重新登录。重新登录前，本机不会发出报警声音！", "Every session of this account ends, on this and every other device. Until you log in again with the new password, no alarm sounds here!"],
  "password.cancel": ["取消", "Cancel"],
  "password.send": ["确认修改", "Change password"],
  "password.sending": ["正在修改…", "Changing…"],
  "password.missing": ["请输入原密码。", "Enter your current password."],
  "password.length": ["新密码须为 {least} 至 {most} 个字符，现为 {n} 个。", "The new password needs {least} to {most} characters; this one has {n}."],
  "password.same": ["新密码不能与原密码相同。", "The new password must differ from the current one."],
  "password.differs": ["两次输入的新密码不一致。", "The two new passwords are not the same."],
  "password.wrong": ["原密码不正确。", "The current password is wrong."],
  "password.many": ["密码输错次数过多，请 15 分钟后再试。", "Too many wrong passwords. Wait 15 minutes and try again."],
  "password.refused": ["服务器不接受该新密码，请换一个。", "The server does not accept this new password. Choose another."],
  "password.unreachable": ["服务器没有应答，不能确定密码是否已修改。请检查网络后重试。", "The server did not answer: the password may or may not have been changed. Check the network and try again."],
  "password.failed": ["密码未修改：{reason}", "The password was not changed: {reason}"],

  "order.pending": ["等待下发现场…", "Waiting to be sent to the site…"],
  "order.sent": ["已下发现场，等待执行…", "Sent to the site, waiting for its answer…"],
  "order.applied": ["现场已执行", "Applied at the site"],
  "order.refused": ["现场拒绝：{reason}", "Refused by the site: {reason}"],
  "order.expired": ["超时，现场未应答", "Expired: the site did not answer"],

  "trend.title": ["趋势", "Trend"],
  "trend.pick": ["请选择一条报警或一个监测点", "Choose an alarm or a point"],
  "trend.5": ["5 分钟", "5 min"],
  "trend.15": ["15 分钟", "15 min"],
  "trend.60": ["1 小时", "1 h"],
  "trend.120": ["2 小时", "2 h"],
  "trend.band": ["最小–最大", "min–max"],
  "trend.mean": ["均值", "mean"],
  "trend.raw": ["原始值", "raw"],
  "trend.bad": ["无效数据", "BAD"],
  "trend.empty": ["该时段没有数据", "No data in this period"],
  "trend.failed": ["趋势读取失败：{reason}", "The trend could not be read: {reason}"],
  "trend.raw.asked": ["已向现场请求原始数据…", "Single readings asked of the site…"],
  "trend.raw.": ["", ""],
  "trend.raw.shown": ["原始值已取到", "Single readings received"],
  "trend.raw.none": ["原始数据未取到", "Single readings not available"],
  "trend.raw.thinned": ["原始值（已抽稀）", "raw (thinned)"],
  "trend.describe": ["{tag} 近 {minutes} 分钟趋势，最近值 {value}；{limits}", "{tag}, last {minutes} minutes, last value {value}; {limits}"],
  "trend.unlimited": ["未设限值", "no limits"],

  "points.title": ["监测点", "Points"],
  "points.site": ["站点", "Site"],
  "points.all": ["全部站点", "All sites"],
  "points.none": ["没有可见的监测点", "No points to show"],
  "points.normal": ["正常", "Normal"],
  "points.no_data": ["{time} 起无数据", "No data since {time}"],
  "points.never": ["从未收到数据", "No data ever received"],
  "points.bad": ["数据无效（{time}）", "BAD ({time})"],
  "points.uncertain": ["数据存疑", "Uncertain value"],
  "points.link": ["{time} 起无数据（通信中断）", "No data since {time} (link lost)"],
  "points.alarm": ["{level} · {state}", "{level} · {state}"],
  "points.beyond": ["超限，等待现场判定", "Beyond limit, not yet judged"],
  "points.suppressed": ["报警已抑制", "Alarm suppressed"],
  "points.stale": ["{time} 的旧值", "Old value of {time}"],
  "points.key": ["斜纹、虚边＝无可信数据", "Hatched: no data to trust"],

  "hazard.confined_space": ["有限空间", "Confined space"],
  "hazard.combustible_dust": ["粉尘涉爆", "Combustible dust"],
  "hazard.ammonia_refrigeration": ["涉氨制冷", "Ammonia refrigeration"],
  "hazard.spray_painting": ["喷涂作业", "Spray painting"],
  "hazard.metallurgy": ["冶金", "Metallurgy"],
  "hazard.hazardous_chemicals": ["危险化学品", "Hazardous chemicals"],

  "nodes.title": ["网关与通信", "Gateways and links"],
  "nodes.none": ["没有可见的网关", "No gateways to show"],
  "nodes.heartbeat": ["最近心跳", "Heartbeat"],
  "nodes.ago": ["{age}前", "{age} ago"],
  "nodes.lag": ["待传事件", "Lag"],
  "nodes.coverage": ["测点覆盖率", "Coverage"],
  "nodes.complete": ["数据完整至", "Complete to"],
  "nodes.points": ["测点", "Points"],
  "nodes.gaps": ["缺失的事件：{which}", "Missing events: {which}"],
  "nodes.version": ["版本", "Version"],
  "link.up": ["在线", "Up"],
  "link.late": ["迟滞", "Late"],
  "link.lost": ["中断", "Lost"],
  "link.never": ["从未上线", "Never seen"],
  "link.unknown": ["状态不明", "Unknown"],
  "nodes.via": ["上报途径 {via}", "Through {via}"],
  "nodes.behind": ["{behind} 失联，其下状态不明", "Unknown behind {behind}"],
  "nodes.responsible": ["网格责任人 {name} {telephone}", "Answers for the grid cell: {name} {telephone}"],

  "tab.alarms": ["报警", "Alarms"],
  "tab.trend": ["趋势", "Trend"],
  "tab.points": ["监测点", "Points"],
  "tab.nodes": ["网关", "Gateways"],
};

/** The chosen language; emits `change`. */
class Language extends EventTarget {
  #name = remembered() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en");

  constructor() {
    super();
    document.documentElement.lang = this.#name;
  }

  /** "zh-CN" or "en". */
  get name() {
    return this.#name;
  }

  /** Take the other language and remember it in this browser. */
  toggle() {
    this.#name = LANGUAGES[1 - LANGUAGES.indexOf(this.#name)];
    document.documentElement.lang = this.#name;
    try {
      localStorage.setItem(STORED, this.#name);
    } catch {
      // Storage may be forbidden in a kiosk; then the choice lasts until the page is left.
    }
    this.dispatchEvent(new Event("change"));
  }
}

function remembered() {
  try {
    const name = localStorage.getItem(STORED);
    return LANGUAGES.includes(name) ? name : null;
  } catch {
    return null;
  }
}

/** The language of this screen. */
export const language = new Language();

/**
 * The text of a key in the chosen language.
 *
 * @param {string} key
 * @param {Record<string, string|number>} [values] for the `{name}` places
 * @returns {string} a key without a text is returned itself: a word this version does not know is still shown
 */
export function t(key, values = {}) {
  const pair = TEXTS[key];
  if (!pair) return key.slice(key.lastIndexOf(".") + 1);
  return pair[LANGUAGES.indexOf(language.name)].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The text of a key, or "" where there is none. */
export const known = (key) => (TEXTS[key] ? t(key) : "");

/** Of two names of one thing, the one in the chosen language, or whichever there is. */
export const either = (chinese, english) => (language.name === "en" ? english || chinese : chinese || english) || "";
