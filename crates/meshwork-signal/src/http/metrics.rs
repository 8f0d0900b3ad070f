//! Numbers for Prometheus, in its text format.
//!
//! Every name begins with `meshwork_`, counters end in `_total`, and units are seconds and bytes, as Prometheus's
//! naming rules ask for. The format is version 0.0.4 of its exposition formats.

use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use meshwork_core::signalling::protocol::LinkOutcome;
use serde::Serialize;

use crate::hub::{LINK_TIME_CLASSES_MS, Snapshot};

/// What the page says it is.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Somebody with numbers of their own, such as a relay.
pub trait MetricsSource: Send + Sync {
    /// Writes them.
    fn write(&self, page: &mut MetricsPage);

    /// A fault of now that the operator must mend, which `/ready` names while the server goes on.
    fn fault(&self) -> Option<String> {
        None
    }
}

/// A page that is being written.
#[derive(Debug, Default)]
pub struct MetricsPage {
    text: String,
}

impl MetricsPage {
    /// A number that may go up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        let _ = writeln!(self.text, "{name} {value}");
    }

    /// A number that only grows; its name ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "counter");
        let _ = writeln!(self.text, "{name} {value}");
    }

    /// A number for each value of a label, all of which only grow.
    pub fn counters<L: Display, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        self.labelled(name, help, "counter", label, values);
    }

    /// A number for each value of a label, which may go up and down.
    pub fn gauges<L: Display, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        self.labelled(name, help, "gauge", label, values);
    }

    /// Amounts counted in classes: each class's upper bound and how many are in it, then those beyond.
    pub fn histogram(&mut self, name: &str, help: &str, classes: &[(f64, u64)], beyond: u64, sum: f64) {
        self.head(name, help, "histogram");
        let mut count = 0;
        for (most, amount) in classes {
            count += amount;
            let _ = writeln!(self.text, "{name}_bucket{{le=\"{most}\"}} {count}");
        }
        count += beyond;
        let _ = writeln!(self.text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(self.text, "{name}_sum {sum}\n{name}_count {count}");
    }

    /// The page so far.
    pub fn into_text(self) -> String {
        self.text
    }

    fn labelled<L: Display, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        self.head(name, help, kind);
        for (word, value) in values {
            let _ = writeln!(self.text, "{name}{{{label}=\"{word}\"}} {value}");
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}

/// What the listener counts itself.
#[derive(Debug, Default)]
pub(super) struct HttpCounts {
    pub(super) connections: AtomicU64,
    pub(super) refused_full: AtomicU64,
    pub(super) refused_handshake: AtomicU64,
    pub(super) refused_rate: AtomicU64,
    pub(super) refused_origin: AtomicU64,
    pub(super) requests: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl HttpCounts {
    pub(super) fn write(&self, page: &mut MetricsPage, open: usize, networks: usize) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.gauge("meshwork_connections", "Connections that are open.", open);
        page.counter(
            "meshwork_connections_total",
            "Connections that were taken in.",
            read(&self.connections),
        );
        page.counter("meshwork_requests_total", "HTTP requests that were answered.", read(&self.requests));
        page.gauge("meshwork_request_networks", "Networks whose requests are being counted.", networks);
        let refused = [
            ("full", read(&self.refused_full)),
            ("handshake", read(&self.refused_handshake)),
            ("rate", read(&self.refused_rate)),
            ("origin", read(&self.refused_origin)),
        ];
        let help = "Connections and requests that were refused before they reached a room, by cause.";
        page.counters("meshwork_http_refused_total", help, "cause", refused);
    }
}

pub(super) fn write_hub(page: &mut MetricsPage, hub: &Snapshot) {
    let counts = &hub.counts;
    page.gauge("meshwork_rooms", "Rooms that are kept.", hub.rooms);
    page.gauge("meshwork_members", "Members of all rooms together.", hub.members);
    page.gauge("meshwork_sockets", "Signalling sockets that are open.", hub.sockets);
    page.gauge("meshwork_endpoints", "Sockets whose endpoint is proved.", hub.endpoints);
    page.gauge("meshwork_waits", "Lookups that wait for their room.", hub.waits);
    page.gauge("meshwork_unread_bytes", "Bytes that wait for sockets to read them.", hub.unread_bytes);
    page.gauge("meshwork_networks", "Networks whose rate is being counted.", hub.networks);
    page.counter("meshwork_sockets_opened_total", "Sockets that were opened.", counts.sockets_opened);
    page.counter("meshwork_entered_total", "Endpoints that were proved.", counts.entered);
    page.counter("meshwork_messages_received_total", "Messages that arrived.", counts.messages);
    page.counter("meshwork_received_bytes_total", "Bytes of these messages.", counts.bytes_received);
    page.counter("meshwork_sent_bytes_total", "Bytes of messages to sockets.", counts.bytes_sent);
    page.counter("meshwork_rooms_registered_total", "Rooms that were registered.", counts.rooms_registered);
    page.counter("meshwork_lookups_total", "Lookups of rooms.", counts.lookups);
    page.counter("meshwork_joins_total", "Members that joined a room.", counts.joins);
    page.counter("meshwork_signals_total", "Signals that were forwarded.", counts.signals);
    let help = "Requests that were refused, by cause.";
    page.counters("meshwork_refusals_total", help, "cause", words(&counts.refusals));
    let help = "Sockets that were closed by the server, by cause.";
    page.counters("meshwork_goodbyes_total", help, "cause", words(&counts.goodbyes));
    let reports = &counts.reports;
    let outcome = |outcome| (word(&outcome), reports.outcomes.get(&outcome).copied().unwrap_or(0));
    let outcomes = [LinkOutcome::Direct, LinkOutcome::Relayed, LinkOutcome::Failed].map(outcome);
    let help = "Attempts at links, by what clients say became of them.";
    page.counters("meshwork_links_total", help, "outcome", outcomes);
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let [classes @ .., beyond] = reports.link_times;
    let classes: Vec<(f64, u64)> = LINK_TIME_CLASSES_MS.iter().map(|&ms| seconds(ms)).zip(classes).collect();
    let help = "Time from the first offer to a link, as clients say.";
    page.histogram("meshwork_link_seconds", help, &classes, beyond, seconds(reports.link_time_sum_ms));
}

/// Numbers of the process under the names that Prometheus's own clients use, as far as the system tells them; and which
/// build it is.
pub(super) fn write_process(page: &mut MetricsPage, began: SystemTime) {
    let version = env!("CARGO_PKG_VERSION");
    page.gauges("meshwork_build_info", "Always 1; says which version runs.", "version", [(version, 1)]);
    let began = began.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    page.gauge("process_start_time_seconds", "When the server began, in seconds of Unix time.", began);
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    if let Some(bytes) = resident_bytes() {
        page.gauge("process_resident_memory_bytes", "Resident memory.", bytes);
    }
    if let Some(seconds) = cpu_seconds(&read("stat")) {
        page.counter(
            "process_cpu_seconds_total",
            "Processor time of the program and of the system for it.",
            seconds,
        );
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // One of them is for looking.
        page.gauge("process_open_fds", "Descriptors in use.", open.count().saturating_sub(1));
    }
    let limits = read("limits");
    let most = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    if let Some(most) = most.and_then(|most| most.parse::<u64>().ok()) {
        page.gauge("process_max_fds", "Descriptors that may be in use.", most);
    }
}

/// Resident memory of this process, where the system tells it.
pub(super) fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    // Linux counts pages of 4 KiB on every machine that this program is built for by default.
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// What `/proc/self/stat` says of processor time (proc(5)): fields 14 and 15, in hundredths of a second. The second
/// field is a name, which may hold spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some((user + system) as f64 / 100.0)
}

fn words<'a, T: Serialize + 'a>(
    counts: impl IntoIterator<Item = (&'a T, &'a u64)>,
) -> impl Iterator<Item = (String, &'a u64)> {
    counts.into_iter().map(|(reason, count)| (word(reason), count))
}

/// The word that stands for a value on the wire.
fn word(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    String::from(text.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 900 0 2 0 150 25 0 0 20 0 3 0 1234 5000 600 1 1";
        assert_eq!(cpu_seconds(stat), Some(1.75));
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn classes_are_counted_up_as_the_format_asks() {
        let mut page = MetricsPage::default();
        page.histogram("x_seconds", "Times.", &[(0.5, 2), (1.0, 3)], 1, 4.5);
        let expected = "# HELP x_seconds Times.\n# TYPE x_seconds histogram\nx_seconds_bucket{le=\"0.5\"} 2\n\
                        x_seconds_bucket{le=\"1\"} 5\nx_seconds_bucket{le=\"+Inf\"} 6\nx_seconds_sum 4.5\n\
                        x_seconds_count 6\n";
        assert_eq!(page.into_text(), expected);
    }
}
