package RTProp::Blocks;

# A runner of Test::Nginx's declarative files, for machines without it.  Files
# begin with
#
#   use lib 't/lib';
#   use Test::Nginx::Socket 'no_plan';
#   run_tests();
#   __DATA__
#
# and hold only sections known here, so that the genuine one runs them, too:
# config, http_config, main_config, init, user_files, request, more_headers,
# raw_request, pipelined_requests, error_code, response_body,
# response_body_like, response_body_unlike, response_headers,
# response_headers_like, raw_response_headers_like, ignore_response, error_log,
# no_error_log, must_die, timeout, ONLY, SKIP, LAST; filters eval, chomp, chop.
# (The genuine one passes over response_body_unlike and response_headers_like.)
#
# Beyond the genuine one, a block fails on lines of error and worse in the error
# log that its error_log does not name.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More ();
use Time::HiRes qw(time);

use RTProp::Nginx;

use constant TIMEOUT => 5;

my %setting = (repeat_each => 1, workers => 4, timeout => TIMEOUT,
               log_level => 'info');
my (@blocks, $nginx, $running, $offset);

my %known = map { $_ => 1 } qw(
    config http_config main_config init user_files request more_headers
    raw_request pipelined_requests error_code response_body response_body_like
    response_body_unlike response_headers response_headers_like
    raw_response_headers_like ignore_response error_log no_error_log must_die
    timeout ONLY SKIP LAST
);


# "use Test::Nginx::Socket": exports, and the plan.

sub import_for {
    my ($class, @plan) = @_;
    my $caller = caller;
    no strict 'refs';

    *{"${caller}::$_"} = \&$_
        for qw(run_tests repeat_each workers timeout log_level blocks plan
               no_shuffle no_root_location no_long_string master_on
               env_to_nginx server_port);

    strict->import;
    warnings->import;

    plan(@plan == 1 ? 'no_plan' : @plan) if @plan;
}


sub plan { Test::More::plan(@_ == 1 ? 'no_plan' : @_) }

sub repeat_each { setting('repeat_each', @_) }
sub workers     { setting('workers', @_) }
sub timeout     { setting('timeout', @_) }
sub log_level   { setting('log_level', @_) }

sub setting {
    my ($name, $value) = @_;
    $setting{$name} = $value if defined $value;
    return $setting{$name};
}

# blocks run in order, with a master, and no location but their own, anyway
sub no_shuffle       { }
sub no_root_location { }
sub no_long_string   { }
sub master_on        { }

sub env_to_nginx { push @{$setting{env}}, @_ }
sub server_port  { $nginx ? $nginx->port : 0 }


sub blocks {
    @blocks = parse(data()) if !@blocks;
    return scalar @blocks;
}


# The text after __DATA__ of the file that runs.

sub data {
    no strict 'refs';
    my $fh = *{'main::DATA'}{IO} or return '';
    local $/;
    return <$fh> // '';
}


# Blocks {name, section => value …} of a text.

sub parse {
    my ($text) = @_;
    my @found;

    for my $part (split /^(?==== )/m, $text) {
        next if $part !~ s/^=== *(.*)\n//;

        my $block = { name => $1 };
        my @pieces = split /^--- +([^\n]*)\n?/m, $part;
        shift @pieces;

        while (my ($head, $body) = splice @pieces, 0, 2) {
            section($block, $head, $body // '');
        }

        push @found, $block;
    }

    return @found;
}


sub section {
    my ($block, $head, $body) = @_;

    $head =~ /^(\w+)((?:[ \t]+\w+)*)[ \t]*(?::[ \t]*(.*))?$/
        or die "$block->{name}: a bad section \"--- $head\"\n";
    my ($name, $filters, $inline) = ($1, $2, $3);

    die "$block->{name}: unknown section $name\n" if !$known{$name};

    my $value = $inline // $body;

    $value =~ s/\r\n/\n/g;
    $value =~ s/\A(?:[ \t]*\n)+//;
    $value =~ s/(?<=\n)\s*\z//;
    $value =~ s/[ \t]+\z// if defined $inline;

    for my $filter (split ' ', $filters) {
        if ($filter eq 'eval') {
            no strict;
            my $result = eval "package main; no strict; no warnings; $value";
            die "$block->{name}: $name: $@" if $@;
            $value = $result;

        } elsif ($filter eq 'chomp') {
            chomp $value;

        } elsif ($filter eq 'chop') {
            chop $value;

        } else {
            die "$block->{name}: unknown filter $filter\n";
        }
    }

    $block->{$name} = $value;
}


sub run_tests {
    blocks();

    my @run = grep { exists $_->{ONLY} } @blocks;
    @run = @blocks if !@run;

    for my $block (@run) {
        if (exists $block->{SKIP}) {
            Test::More->builder->skip($block->{name});

        } else {
            run_block($block) for 1 .. repeat_each();
        }

        last if exists $block->{LAST};
    }

    $nginx->stop if $nginx;
    undef $nginx;
}


sub run_block {
    my ($block) = @_;
    local $setting{timeout} = $block->{timeout} // $setting{timeout};

    if (exists $block->{init}) {
        no strict;
        eval "package main; no strict; no warnings; $block->{init}";
        die "$block->{name}: init: $@" if $@;
    }

    return run_must_die($block) if exists $block->{must_die};

    start($block) or return;
    $offset = $nginx->log_size;

    if (exists $block->{raw_request} || exists $block->{request}
        || exists $block->{pipelined_requests})
    {
        my @requests = requests($block);
        check_all($block, \@requests);
    }

    check_log($block);
}


# An nginx with the block's configuration; the last one is kept if that is the
# same.

sub start {
    my ($block) = @_;
    my %options = options($block);
    my $wanted = join "\0", map { $_, $options{$_} }
                 grep { !ref $options{$_} } sort keys %options;
    $wanted .= join "\0", %{$options{files}};

    return 1 if $nginx && $running eq $wanted && $nginx->alive;

    $nginx->stop if $nginx;
    $nginx = RTProp::Nginx->new(%options);
    $running = $wanted;

    return 1 if eval { $nginx->start };

    Test::More::fail("$block->{name} - nginx starts");
    Test::More::diag($@);
    undef $nginx;

    return 0;
}


sub options {
    my ($block) = @_;
    my %options = (workers => $setting{workers},
                   log_level => $setting{log_level}, files => {});
    my %part = (main => 'main_config', http => 'http_config',
                server => 'config');

    $options{$_} = expand($block->{$part{$_}} // '') for keys %part;
    $options{main} .= join '', map { "env $_;\n" } @{$setting{env} || []};

    my $files = $block->{user_files} // '';
    my (undef, @files) = split /^>>> +(\S+)[^\n]*\n/m, $files;

    while (my ($name, $content) = splice @files, 0, 2) {
        $options{files}{"html/$name"} = $content;
    }

    return %options;
}


# $TEST_NGINX_… in configurations and requests, as the genuine one does.

sub expand {
    my ($text) = @_;
    my %value = (%ENV,
        TEST_NGINX_SERVER_PORT => $nginx ? $nginx->port : 0,
        TEST_NGINX_HTML_DIR => 'html');

    $text =~ s/\$(TEST_NGINX_[A-Z0-9_]+)/$value{$1} \/\/ "\$$1"/ge;

    return $text;
}


sub run_must_die {
    my ($block) = @_;
    my $dying = RTProp::Nginx->new(options($block));
    my ($accepted, $said) = $dying->test_config;

    Test::More::ok(!$accepted, "$block->{name} - nginx does not start");
    check_lines($block, $said . $dying->log);
}


# The requests as bytes; a list of lists, one connection each.

sub requests {
    my ($block) = @_;

    return map { [$_] } all($block->{raw_request})
        if exists $block->{raw_request};

    my $pipelined = exists $block->{pipelined_requests};
    my @texts = all($pipelined ? $block->{pipelined_requests}
                               : $block->{request});
    my @headers = all($block->{more_headers});
    my @bytes;

    for my $i (0 .. $#texts) {
        my $headers = @headers > 1 ? $headers[$i] : $headers[0];
        my $last = !$pipelined || $i == $#texts;
        push @bytes, request_bytes($texts[$i], $headers // '', $last);
    }

    return $pipelined ? ([@bytes]) : map { [$_] } @bytes;
}


sub all {
    my ($value) = @_;
    return !defined $value ? () : ref $value eq 'ARRAY' ? @$value : $value;
}


sub request_bytes {
    my ($text, $more, $last) = @_;

    $text = join '', map { ref $_ eq 'HASH' ? $_->{value} : $_ } @$text
        if ref $text;

    my ($line, $body) = split /\n/, expand($text), 2;
    my ($method, $target, $version) = split ' ', $line;

    $target //= '/';
    $version //= 'HTTP/1.1';
    $body //= '';

    $more = expand($more);
    my @headers = grep { /\S/ && !/^\s*#/ } split /\r?\n/, $more;

    unshift @headers, 'Connection: ' . ($last ? 'close' : 'keep-alive')
        if $more !~ /^Connection/mi;
    unshift @headers, 'Host: localhost' if $more !~ /^Host:/mi;

    if ($body ne '' && $more !~ /^(?:Content-Length|Transfer-Encoding):/mi) {
        $body =~ s/^\s+|\s+$//g;
        push @headers, 'Content-Length: ' . length $body;
    }

    return join "\r\n", "$method $target $version", @headers, '', $body;
}


sub check_all {
    my ($block, $connections) = @_;
    my $number = 0;
    my $many = @$connections > 1 || @{$connections->[0]} > 1;

    for my $requests (@$connections) {
        my @answers = exchange($requests);

        for my $i (0 .. $#$requests) {
            my $name = $block->{name} . ($many ? " - request $number" : '');

            check($block, $answers[$i], $name, $number++)
                if !exists $block->{ignore_response};
        }
    }
}


# Sends the requests of one connection and reads as many answers.

sub exchange {
    my ($requests) = @_;
    my $deadline = time + $setting{timeout};
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $nginx->port, Timeout => $setting{timeout}) or return;
    local $SIG{PIPE} = 'IGNORE';

    print {$socket} @$requests;
    $socket->flush;
    $socket->blocking(0);

    my $in = { socket => $socket, bytes => '', deadline => $deadline };

    return map { read_answer($in, $_) } @$requests;
}


sub more {
    my ($in) = @_;
    my $left = $in->{deadline} - time;

    return 0 if $left <= 0
                || !IO::Select->new($in->{socket})->can_read($left);
    return sysread $in->{socket}, $in->{bytes}, 65536, length $in->{bytes};
}


sub read_answer {
    my ($in, $request) = @_;

    while ($in->{bytes} !~ /\r?\n\r?\n/) {
        more($in) or return { code => 0, head => '', body => '',
                              raw => $in->{bytes} };
    }

    $in->{bytes} =~ s/^(.*?)\r?\n\r?\n//s;

    my $head = "$1\r\n";
    my ($code) = $head =~ m{^HTTP/\S+ (\d+)};
    my $answer = { code => $code, head => $head, body => '' };

    return $answer if $request =~ /^HEAD / || $code =~ /^(?:1..|204|304)$/;

    if ($head =~ /^Transfer-Encoding:.*chunked/mi) {
        $answer->{body} = read_chunks($in);

    } else {
        my ($length) = $head =~ /^Content-Length:\s*(\d+)/mi;

        while (!defined $length || length $in->{bytes} < $length) {
            more($in) or last;
        }

        $answer->{body} = substr $in->{bytes}, 0,
                                 $length // length $in->{bytes}, '';
    }

    return $answer;
}


sub read_chunks {
    my ($in) = @_;
    my $body = '';

    while (1) {
        if ($in->{bytes} =~ /^([0-9a-fA-F]+)[^\r\n]*\r\n/) {
            my ($head, $length) = ($+[0], hex $1);

            if (length $in->{bytes} >= $head + $length + 2) {
                $body .= substr $in->{bytes}, $head, $length;
                substr $in->{bytes}, 0, $head + $length + 2, '';
                return $body if $length == 0;
                next;
            }
        }

        more($in) or return $body;
    }
}


# One answer against what the block expects of request number $i.

sub check {
    my ($block, $answer, $name, $i) = @_;

    my $code = nth($block->{error_code}, $i) // 200;
    $code =~ s/\s+//g if !ref $code;
    ref $code ? Test::More::like($answer->{code}, $code, "$name - status")
              : Test::More::is($answer->{code}, $code, "$name - status");

    my $body = nth($block->{response_body}, $i);
    Test::More::is($answer->{body}, expand($body), "$name - body")
        if defined $body;

    my $like = nth($block->{response_body_like}, $i);
    Test::More::like($answer->{body}, pattern($like), "$name - body is like")
        if defined $like;

    my $unlike = nth($block->{response_body_unlike}, $i);
    Test::More::unlike($answer->{body}, pattern($unlike), "$name - body unlike")
        if defined $unlike;

    my $raw = nth($block->{raw_response_headers_like}, $i);
    Test::More::like($answer->{head}, pattern($raw), "$name - header lines")
        if defined $raw;

    check_headers(nth($block->{response_headers}, $i), $answer, $name, 0);
    check_headers(nth($block->{response_headers_like}, $i), $answer, $name, 1);
}


sub nth {
    my ($value, $i) = @_;
    return ref $value eq 'ARRAY' ? $value->[$i] : $value;
}


sub pattern {
    my ($text) = @_;
    return $text if ref $text;
    chomp $text;
    return qr/$text/s;
}


# "Name: value" must be there; "!Name" must not.

sub check_headers {
    my ($text, $answer, $name, $like) = @_;

    for my $line (grep { /\S/ } split /\n/, $text // '') {
        if ($line =~ /^!\s*(\S+)/) {
            Test::More::unlike($answer->{head}, qr/^\Q$1\E:/mi,
                               "$name - no header $1");
            next;
        }

        my ($header, $value) = $line =~ /^([^:\s]+):\s*(.*?)\s*$/ or next;
        my $got = join ', ',
                  $answer->{head} =~ /^\Q$header\E:[ \t]*(.*?)\r?$/mig;

        $like ? Test::More::like($got, qr/^(?:$value)$/, "$name - $header")
              : Test::More::is($got, expand($value), "$name - $header");
    }
}


sub check_log {
    my ($block) = @_;

    # the lines of the last request may still be on their way
    for my $expected (patterns($block->{error_log})) {
        $nginx->wait_log($expected, $setting{timeout}, $offset);
    }

    my $log = substr $nginx->log, $offset;
    my $errors = join "\n", grep { /\[(?:error|crit|alert|emerg)\]/ }
                 split /\n/, $log;

    check_lines($block, $log);

    for my $expected (patterns($block->{error_log})) {
        $errors = join "\n", grep { !/$expected/ } split /\n/, $errors;
    }

    Test::More::is($errors, '', "$block->{name} - no unexpected error");
}


sub check_lines {
    my ($block, $log) = @_;

    Test::More::like($log, $_, "$block->{name} - error_log")
        for patterns($block->{error_log});
    Test::More::unlike($log, $_, "$block->{name} - no_error_log")
        for patterns($block->{no_error_log});
}


# Lines are literal, each on its own; "eval" gives patterns.

sub patterns {
    my ($value) = @_;

    return map { ref $_ eq 'Regexp' ? $_
                 : map { qr/\Q$_\E/ } grep { /\S/ } split /\n/, $_ }
           all($value);
}


1;
