//! A relay's numbers, as a Prometheus server reads them.

use super::counts::{Counts, Refusal};
use crate::http::{MetricsPage, MetricsSource};

impl MetricsSource for Counts {
    fn write(&self, page: &mut MetricsPage) {
        let ways = [
            ("up", &self.packets_up, &self.bytes_up),
            ("down", &self.packets_down, &self.bytes_down),
            ("across", &self.packets_across, &self.bytes_across),
        ];
        let packets = ways.map(|(way, packets, _)| (way, packets.value()));
        let bytes = ways.map(|(way, _, bytes)| (way, bytes.value()));
        let help = "Packets relayed: up to peers, down to clients, across from client to client.";
        page.counters("meshwork_relay_packets_total", help, "way", packets);
        page.counters("meshwork_relay_bytes_total", "Their payload, in bytes.", "way", bytes);
        page.gauge("meshwork_relay_allocations", "Allocations that stand.", self.allocations.value());
        let made = self.allocations_made.value();
        page.counter("meshwork_relay_allocations_made_total", "Allocations that were made.", made);
        let streams = self.streams.value();
        page.gauge("meshwork_relay_streams", "Connections over TCP and TLS to the relay.", streams);
        let bindings = self.bindings.value();
        page.counter("meshwork_relay_bindings_total", "STUN binding requests answered.", bindings);
        let challenges = self.challenges.value();
        let help = "Requests without credentials, which were told how to show some.";
        page.counter("meshwork_relay_challenges_total", help, challenges);
        let refusals = Refusal::ALL.map(|cause| (cause.name(), self.refused(cause)));
        page.counters("meshwork_relay_refused_total", "What was refused or dropped.", "cause", refusals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_shown_by_cause() {
        let counts = Counts::default();
        counts.refuse(Refusal::Forbidden);
        let mut page = MetricsPage::default();
        counts.write(&mut page);
        let text = page.into_text();
        assert!(text.contains("meshwork_relay_refused_total{cause=\"forbidden\"} 1\n"), "{text}");
        assert!(text.contains("meshwork_relay_bytes_total{way=\"across\"} 0\n"), "{text}");
    }
}
