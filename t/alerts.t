#!/usr/bin/perl

# The alert rules of conf.examples, evaluated by promtool: each fires for the
# instance whose numbers are bad, and not for those whose are just good enough.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use Test::More;

my $rules = abs_path(dirname(dirname(__FILE__)))
            . '/conf.examples/prometheus-alerts.yml';
my ($promtool) = grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH};

plan skip_all => 'promtool (Debian: prometheus) is not installed'
    if !$promtool;

# Alert, when it is looked at (s), and series: [name, bad, good, good ...], or
# {instance => values}.  Values are promtool's, one each 5 s: "1x9" is ten times
# 1, "0+2x9" rises by 2.

my $once = sub { [$_[0], '0x10 1x50', '1x60', '0x60'] };
my $slow = sub {
    my ($name, $bound) = @_;
    my $bucket = "${name}_bucket";

    return map { ["$bucket;le=$$_[0]", @$_[1, 2]] }
           [$bound / 2, '0x200', '0+10x200'], [$bound, '0x200', '0+10x200'],
           [$bound * 4, '0+10x200', '0+10x200'],
           ['+Inf', '0+10x200', '0+10x200'];
};

my @cases = (
    [RtpropDown => 70, ['up;job=rtprop', '0x20', '1x20']],
    [RtpropConnectionsFell => 75,
     [rtprop_connections_active => '1000x12 800x8', '1000x12 801x8',
      '50x12 1x8', '1000x2 700x18']],

    # they rose for a while, and fell within the last seconds
    [RtpropConnectionsFell => 65,
     [rtprop_connections_active => '700x8 1000x3 750x8', '700x20']],

    [RtpropWorkersMissing => 3730, [rtprop_workers => '4x719 3x40', '4x760']],
    [RtpropZoneNearlyFull => 610,
     [rtprop_zone_used_bytes => '86x130', '85x130'],
     [rtprop_zone_size_bytes => '100x130', '100x130']],
    [RtpropZoneFull => 60, $once->('rtprop_engine_full_total')],
    [RtpropHistoryEvicted => 700,
     [rtprop_engine_evicted_total => '0+1x150', '9x150']],
    [RtpropSlow => 400, $slow->('rtprop_hub_latency_seconds', 0.25)],
    [RtpropSlowReaders => 700, [rtprop_ws_slow_total => '0+6x150', '0+4x150']],
    [RtpropHandshakesRefused => 700,
     [rtprop_session_handshakes_refused_total => '0+55x150', '0+45x150']],
    [RtpropErrors => 400, [rtprop_errors_total => '0+6x90', '0+5x90'],
     [rtprop_messages_received_total => '0+100x90', '0+100x90']],
    [RtpropJobsLate => 400,
     [rtprop_engine_jobs_late_total => '0+1x90', '9x90']],
    [RtpropJobsWait => 70, [rtprop_hub_jobs_unscheduled => '1x20', '0x20']],
    [RtpropJobsDropped => 60, $once->('rtprop_hub_jobs_dropped_total')],
    [RtpropNotificationsFailed => 60,
     $once->('rtprop_notification_failures_total')],
    [RtpropOverruns => 60, $once->('rtprop_engine_overruns_total')],
    [RtpropRedisAway => 60, [rtprop_redis_failed_total => '0+1x20', '9x20']],
    [RtpropRedisFull => 60, $once->('rtprop_redis_oom_total')],
    [RtpropRedisSlow => 400, $slow->('rtprop_redis_command_seconds', 0.05)],

    # one that has no database is not without it
    [RtpropDatabaseAway => 40, [rtprop_store_up => '0x20', '0x20', '1x20'],
     [rtprop_store_connects_total => '3x20', '0x20', '3x20']],
    [RtpropDatabaseAway => 60, [rtprop_store_failed_total => '0+1x20', '9x20']],

    [RtpropDatabaseFull => 60, $once->('rtprop_store_busy_total')],
    [RtpropDatabaseRefuses => 120,
     [rtprop_store_refused_total => '0+1x30', '0x10 5x20']],
    [RtpropFailover => 40, [rtprop_failover_active => '1x20', '0x20']],
    [RtpropOutboxLate => 40,
     [rtprop_relay_age_milliseconds => '10001x20', '10000x20']],
    [RtpropOutboxRefused => 60, $once->('rtprop_relay_refused_total')],
    [RtpropBidsUnaudited => 60, $once->('rtprop_auction_unaudited_total')],
    [RtpropUnnumbered => 60, $once->('rtprop_engine_unnumbered_total')],
);

open my $fh, '<', $rules or die "$rules: $!\n";
my $text = do { local $/; <$fh> };
my (%severity, %summary);

while ($text =~ /- alert: (\w+)\n.*?severity: (\w+).*?summary: '(.*?)'\n/gs) {
    ($severity{$1}, $summary{$1}) = ($2, $3);
}

my %tried = map { $_->[0] => 1 } @cases;
is_deeply([sort keys %tried], [sort keys %summary], 'each alert is tried');

my $dir = File::Temp->newdir;

for my $case (@cases) {
    my ($alert, $at, @series) = @$case;
    my $file = "$dir/$alert.yml";
    my $input = '';

    for my $series (@series) {
        my ($name, @values) = @$series;
        my $labels = $name =~ s/;(\w+)=(.*)// ? qq{, $1="$2"} : '';

        for my $i (0 .. $#values) {
            my $instance = $i ? "good$i" : 'bad';
            $input .= sprintf "      - series: '%s{instance=\"%s\"%s}'\n"
                              . "        values: '%s'\n",
                              $name, $instance, $labels, $values[$i];
        }
    }

    my $summary = $summary{$alert}
                  =~ s/\{\{ \$labels\.instance \}\}/bad/r;
    my $job = $alert eq 'RtpropDown' ? 'job: rtprop, ' : '';

    open my $out, '>', $file or die "$file: $!\n";
    print {$out} <<"END";
rule_files: ['$rules']
evaluation_interval: 5s
tests:
  - interval: 5s
    input_series:
$input    alert_rule_test:
      - eval_time: ${at}s
        alertname: $alert
        exp_alerts:
          - exp_labels: {${job}instance: bad, severity: $severity{$alert}}
            exp_annotations: {summary: '$summary'}
END
    close $out;

    my $said = `$promtool test rules $file 2>&1`;
    is($?, 0, "$alert at $at s") or diag($said);
}

done_testing();
