#!/usr/bin/perl

# The documentation says what the sources have, all of it and nothing else:
# directives, commands, events, resources, error and close codes, metrics; in
# docs/*.md.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP ();

my $top;
BEGIN { $top = dirname(dirname(abs_path($0))); chdir $top or die }

use lib 't/lib';
use RTProp::Facts;
use RTProp::Sources qw(files content);
use RTProp::Test;

my %directives = directives();
my %commands = commands();
my %events = events();
my %resources = resources();
my %metrics = metrics();



# Two lists are the same; says what is missing and what is too much.

sub same {
    my ($got, $want, $name) = @_;
    my %got = map { $_ => 1 } @$got;
    my %want = map { $_ => 1 } @$want;
    my @missing = grep { !$got{$_} } sort keys %want;
    my @invented = grep { !$want{$_} } sort keys %got;

    ok(!@missing && !@invented, $name)
        or diag("not documented: @missing\nno such thing: @invented");
}


# The text of a section, to the next heading of its level or above.

sub section {
    my ($text, $heading) = @_;
    my ($level) = $heading =~ /^(#+)/;
    my $n = length $level;
    my ($body) = $text =~ /^\Q$heading\E\n(.*?)(?=^#{1,$n} |\z)/ms;

    return $body // '';
}


# Rows of all tables, as cells.

sub rows {
    my ($text) = @_;
    return map { [map { s/^\s+|\s+$//gr } split /\|/, s/^\||\|$//gr] }
           grep { !/^\|[-|]+$/ } $text =~ /^(\|.*\|)$/mg;
}


sub spans { $_[0] =~ /`([^`]+)`/g }


# ---------------------------------------------------------------- directives

my $text = content('docs/directives.md');
my $full = content('conf.examples/full.conf') =~ s/\s+/ /gr;
my %described = $text =~ /^### (rtprop\w*)\n(.*?)(?=^##|\z)/msg;

cmp_ok(scalar keys %directives, '>=', 25, 'directives are found');
same([keys %described], [keys %directives], 'directives');

for my $name (sort keys %described) {
    my $body = $described{$name};
    my ($context) = $body =~ /^    Context:  (.*)$/m;
    my ($default) = $body =~ /^    Default:  (.*?)^    Context/ms;

    like($body, qr/^    Syntax:   $name .*;\n/m, "$name: syntax");
    is($context, join(', ', @{$directives{$name} || []}), "$name: context");
    like($body, qr/^Example:\n\n(?:    .*\n)*?    (?: {4})?$name .*;/m,
         "$name: example");

    for my $line (map { s/^\s+|\s+$//gr } split /\n/, $default // '') {
        # shown there in a location of its own, switched on
        next if $name eq 'rtprop_api_public' && $line =~ / off;$/;

        ok($line eq '—' || index($full, $line) >= 0,
           "$name: the default is that of full.conf")
            or diag($line);
    }
}

same([section($text, '## Variables') =~ /`\$(\w+)`/g], [variables()],
     'variables');

for my $file (files(qr{^docs/.*\.md$})) {
    my %words = map { $_ => 1 } content($file) =~ /(?<![\w\$.])(rtprop_\w+)/g;
    my @odd = grep { !$directives{$_} && !metric($_) } sort keys %words;

    is("@odd", '', "$file: every rtprop_ word is a directive or a metric");
}

sub metric { exists $metrics{$_[0] =~ s/_(?:bucket|sum|count)$//r} }


# ------------------------------------------------------------------ commands

$text = content('docs/events.md');
my @rows = grep { $_->[0] ne 'command' } rows(section($text, '## Commands'));
my %named = map { (spans($_->[0]))[0] => $_ } @rows;

cmp_ok(scalar keys %commands, '>=', 24, 'commands are found');
same([keys %named], [keys %commands], 'commands');

for my $name (sort keys %named) {
    my ($call, $payload) = @{$named{$name}};
    my (undef, @aliases) = spans($call);
    my $fields = $commands{$name}{fields} || {};
    my @spans = spans($payload =~ s/\(or [^)]*\)//gr);

    same(\@aliases, $commands{$name}{aliases} || [], "$name: aliases");

    # those that follow "each with" are of the channels
    @spans = grep { $_ eq 'channels' } @spans if $name eq 'resume';

    same(\@spans, [map { $fields->{$_} ? $_ : "$_?" } keys %$fields],
         "$name: fields");
}


# -------------------------------------------------------------------- events

my $server = section($text, '## Server events');
@rows = grep { $_->[0] ne 'event' } rows($server);

cmp_ok(scalar keys %events, '>=', 45, 'events are found');
same([map { spans($_->[0]) } @rows], [keys %events], 'events');

for my $row (grep { @$_ == 4 } @rows) {
    my ($name) = spans($row->[0]);
    is($row->[2], $events{$name} ? 'yes' : 'no', "$name: reliable");
}

same([
      spans(section($text, '### What only the server tells')
            =~ s/^.*an error:\n//sr)], [own_events()],
     'what only the server tells');

my %types = map { $_ => 1 } keys %events, keys %commands,
            map { @{$_->{aliases}} } values %commands;

for my $file (files(qr{^docs/.*\.md$})) {
    my @odd = grep { !$types{$_} }
              content($file) =~ /`((?:chat|property|auction|presence|auth|
                                   notification):[a-z]\w*)`/gx;
    is("@odd", '', "$file: every type is one");
}


# --------------------------------------------------------------------- codes

my $errors = section($text, '## Error codes');
my ($plain, $bids) = split /^Codes of /m, $errors;

sub first_words { map { spans($_->[0]) } rows($_[0]) }

same([first_words($plain)], [error_codes()], 'error codes');
same([first_words($bids)], [bid_codes()], 'codes of refused bids');
same([grep { /^\d/ } map { $_->[0] } rows(section($text, '## Close codes'))],
     [close_codes()], 'close codes');


# ----------------------------------------------------------------- resources

my @documented = map { spans($_->[0]) }
                 rows(section(content('docs/http.md'), '## Resources'));

cmp_ok(scalar keys %resources, '>=', 21, 'resources are found');
same(\@documented, [keys %resources], 'resources');

for my $row (rows(section(content('docs/http.md'), '## Resources'))) {
    my ($name) = spans($row->[0]) or next;
    is($row->[1] =~ /; open$/ ? 1 : 0, $resources{$name}{open},
       "$name: who may");
}


# ------------------------------------------------------------------- metrics

my $operations = section(content('docs/operations.md'), '## Metrics');
my %listed = map { ((spans($_->[0]))[0] // '') => $_->[1] } rows($operations);
delete $listed{''};

cmp_ok(scalar keys %metrics, '>=', 50, 'metrics are found');
same([keys %listed], [keys %metrics], 'metrics');
is_deeply(\%listed, \%metrics, 'types of metrics');

my $nginx = rtprop_nginx();
same([http()->get('/metrics')->{body} =~ /^# TYPE (\w+)/mg], [keys %metrics],
     'a running module has these metrics');


# ------------------------------------------------------- examples of http.md

my ($examples) = section(content('docs/http.md'), '## Examples')
                 =~ /((?: {4}.*\n)+)/;
my @calls = split /^    (?=api )/m, $examples =~ s/\A    (?=api )//r;
my $port = $nginx->port;
my $script = $nginx->write_file('script', <<"END");
api() {
    curl -s -o /dev/null -w '%{http_code}' \\
        -H 'Authorization: Bearer ${\API_KEY}' \\
        -H 'Content-Type: application/json' "\$@"; echo
}
at=http://127.0.0.1:$port/api
@calls
END

my @codes = split /\n/, `bash "$script"`;

cmp_ok(scalar @calls, '>=', 10, 'examples are found');
is(scalar @codes, scalar @calls, 'each example was answered');
like($codes[$_], qr/^20[01]$/, "http.md: " . (split /\n/, $calls[$_])[0])
    for 0 .. $#codes;


# --------------------------------------------------------------------- links

for my $file (files(qr{^docs/.*\.md$}), 'README.md') {
    my $dir = dirname($file);

    for my $link (content($file) =~ /\]\(([^):]+)\)/g) {
        my ($path, $place) = split /#/, $link;
        my $target = length $path ? "$dir/$path" : $file;

        ok(-e $target, "$file: $link is there") or next;

        if (defined $place) {
            my %places = map { lc(s/ /-/gr =~ s/[^\w-]//gr) => 1 }
                         content($target =~ s{^\./}{}r) =~ /^#+ (.*)$/mg;
            ok($places{$place}, "$file: $link has the heading");
        }
    }
}


done_testing();
