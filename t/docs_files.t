#!/usr/bin/perl

# The files for other tools: docs/openapi.json, docs/asyncapi.json, and the
# alert rules and the dashboard of conf.examples.  They are well formed, and say
# what the sources have, all of it and nothing else.

use strict;
use warnings;

use CPAN::Meta::YAML;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More;

BEGIN { chdir dirname(dirname(abs_path($0))) or die }

use lib 't/lib';
use RTProp::Facts;
use RTProp::Sources qw(content);

my %commands = commands();
my %events = events();
my %resources = resources();
my %metrics = metrics();


sub same {
    my ($got, $want, $name) = @_;
    is_deeply([sort @$got], [sort @$want], $name);
}


sub json { JSON::PP->new->utf8->decode(content($_[0])) }


# Calls back for each object in a document, with its path.

sub walk {
    my ($value, $call, $path) = (@_, '#');

    if (ref $value eq 'HASH') {
        $call->($value, $path);
        walk($value->{$_}, $call, "$path/" . s{~}{~0}gr =~ s{/}{~1}gr)
            for sort keys %$value;

    } elsif (ref $value eq 'ARRAY') {
        walk($value->[$_], $call, "$path/$_") for 0 .. $#$value;
    }
}


sub target {
    my ($doc, $ref) = @_;

    $ref =~ s{^#/}{} or return;

    for my $key (split m{/}, $ref) {
        $doc = ref $doc eq 'HASH' ? $doc->{$key =~ s{~1}{/}gr =~ s{~0}{~}gr}
             : undef;
    }

    return $doc;
}


# References that lead somewhere, components that are used, schemas that JSON
# Schema knows.

sub well_formed {
    my ($file, $doc) = @_;
    my %type = map { $_ => 1 }
               qw(string integer number boolean object array null);
    my (@lost, @odd, %used);

    walk($doc, sub {
        my ($value, $path) = @_;

        if (defined $value->{'$ref'}) {
            $used{$value->{'$ref'}} = 1;
            push @lost, $value->{'$ref'} if !target($doc, $value->{'$ref'});
            push @odd, "$path: beside a reference" if keys %$value > 1;
        }

        return if $path !~ m{/(?:schema|payload|schemas/\w+|items|
                                 properties/\w+)$}x
                  || $path =~ m{/properties$};

        my $kind = $value->{type};
        my @kinds = ref $kind eq 'ARRAY' ? @$kind
                  : defined $kind && !ref $kind ? $kind : ();

        push @odd, "$path: type" if grep { !$type{$_} } @kinds;
        push @odd, "$path: items" if grep({ $_ eq 'array' } @kinds)
                                     && !$value->{items};

        for my $name (@{$value->{required} || []}) {
            push @odd, "$path: $name is required, and unknown"
                if !$value->{properties}{$name};
        }
    });

    is("@lost", '', "$file: all references lead somewhere");
    is(join("\n", @odd), '', "$file: all schemas are sound");

    for my $kind (grep { $_ ne 'securitySchemes' }
                  sort keys %{$doc->{components}})
    {
        my @idle = grep { !$used{"#/components/$kind/$_"} }
                   sort keys %{$doc->{components}{$kind}};
        is("@idle", '', "$file: all $kind are used");
    }
}


# ------------------------------------------------------------------- openapi

my $doc = json('docs/openapi.json');

like($doc->{openapi}, qr/^3\.1\.\d+$/, 'OpenAPI 3.1');
ok(length $doc->{info}{title} && length $doc->{info}{version}, 'info');
well_formed('openapi.json', $doc);

my (%operation, @places);

for my $path (sort keys %{$doc->{paths}}) {
    for my $method (sort keys %{$doc->{paths}{$path}}) {
        my $op = $doc->{paths}{$path}{$method};
        my $place = uc($method) . ' ' . $path =~ s{^/}{}r;
        my @braces = $path =~ /\{(\w+)\}/g;
        my @names = map { $_->{name} } grep { ($_->{in} // '') eq 'path' }
                    @{$op->{parameters} || []};
        my $open = grep { !%$_ } @{$op->{security} || []};

        push @places, $place;
        $operation{$op->{operationId} // ''}++;
        same(\@names, \@braces, "$place: parameters of the path");
        ok($op->{summary} && $op->{responses}{200}
           && $op->{responses}{default}, "$place: summary and answers");
        is($open ? 1 : 0, $resources{$place}{open}, "$place: who may");
        is(defined $op->{requestBody} ? 1 : 0,
           $method =~ /^(?:put|post)$/ ? 1 : 0, "$place: body");
    }
}

same(\@places, [keys %resources], 'all resources, nothing else');
is((grep { $_ != 1 } values %operation), 0, 'each operationId is another one');
same($doc->{components}{schemas}{Code}{enum}, [error_codes()], 'error codes');


# ------------------------------------------------------------------ asyncapi

my $async = json('docs/asyncapi.json');

is($async->{asyncapi}, '3.0.0', 'AsyncAPI 3');
well_formed('asyncapi.json', $async);
same($async->{components}{schemas}{Code}{enum}, [error_codes()],
     'error codes of frames');

my $messages = $async->{components}{messages};
my %table = map { (/`([^`]+)`/)[0] => $_ }
            grep { /^\| `/ } split /\n/,
            (split /^## Error codes/m,
             (split /^## Server events/m, content('docs/events.md'))[1])[0];


sub names {
    my ($operation) = @_;

    return map { $_->{name} }
           map { $messages->{$_->{'$ref'} =~ s{.*/}{}r} }
           @{$async->{operations}{$operation}{messages}};
}


same([names('command')], [keys %commands], 'all commands, nothing else');
same([names('event')], [keys %events], 'all events, nothing else');

for my $key (sort keys %$messages) {
    my $message = $messages->{$key};
    my $name = $message->{name};
    my $frame = $message->{payload}{properties};
    my $payload = $frame->{payload};

    is($frame->{type}{const}, $name, "$key: type");
    is_deeply($async->{channels}{socket}{messages}{$key},
              { '$ref' => "#/components/messages/$key" }, "$key: channel");

    $payload = target($async, $payload->{'$ref'}) if $payload->{'$ref'};

    if ($key =~ /^send/) {
        my $fields = $commands{$name}{fields} || {};

        same([keys %{$payload->{properties} || {}}], [keys %$fields],
             "$key: fields");
        same($payload->{required} || [],
             [grep { $fields->{$_} } keys %$fields], "$key: required fields");
        next;
    }

    is($frame->{offset} && !$frame->{epoch} ? 1 : 0, $events{$name} + 0,
       "$key: offset");

    my $row = $table{$name} // '';
    my @silent = grep { index($row, "`$_`") < 0 && $row !~ /as posted/ }
                 sort keys %{$payload->{properties} || {}};
    is("@silent", '', "$key: events.md has these members");
}

same($messages->{receiveAuctionBidRejected}{payload}{properties}{payload}
              {properties}{code}{enum},
     [bid_codes()], 'codes of refused bids');


# ---------------------------------------------------- alerts and the dashboard

sub metrics_of {
    my ($expr) = @_;
    return map { s/_(?:bucket|sum|count)$//r } $expr =~ /\b(rtprop_\w+)/g;
}


sub known {
    my ($expr, $name) = @_;
    is(join(' ', grep { !$metrics{$_} } metrics_of($expr)), '', $name);
}


my $alerts = 'conf.examples/prometheus-alerts.yml';
my $rules = CPAN::Meta::YAML->read_string(content($alerts))->[0];
my @rules = map { @{$_->{rules}} } @{$rules->{groups}};

for my $rule (@rules) {
    my $name = $rule->{alert} // '?';

    ok($rule->{expr} && $rule->{labels}{severity}
       && $rule->{annotations}{summary}, "$name is whole");
    known($rule->{expr}, "$name: its metrics are there");
    unlike($rule->{expr},
           qr/\b(?:rate|increase)\((?!rtprop_\w+(?:_total|_bucket)\b)/,
           "$name: a rate is of a counter");
}

my ($table) = content('docs/operations.md')
              =~ /^## Alerts and the dashboard\n(.*)/ms;

same([$table =~ /^\| `(\w+)`/mg], [map { $_->{alert} } @rules],
     'operations.md has these alerts');

SKIP: {
    my ($promtool) = grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH};

    if (!$promtool) {
        diag('promtool (Debian: prometheus) is not installed: the language of'
             . " $alerts was NOT checked");
        skip('no promtool', 1);
    }

    my $said = `$promtool check rules $alerts 2>&1`;
    is($?, 0, 'promtool finds no fault') or diag($said);
}

my $board = json('conf.examples/grafana-dashboard.json');
my (%ids, @targets);

for my $panel (@{$board->{panels}}) {
    my $name = $panel->{title};

    $ids{$panel->{id}}++;
    ok(@{$panel->{targets}} && $panel->{gridPos}{w},
       "panel \"$name\" is whole");
    known($_->{expr}, "panel \"$name\": its metrics are there")
        for @{$panel->{targets}};
}

is((grep { $_ != 1 } values %ids), 0, 'each panel has an id of its own');
known($_->{query}, "variable $_->{name}: its metric is there")
    for @{$board->{templating}{list}};


done_testing();
