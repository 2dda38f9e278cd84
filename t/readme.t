#!/usr/bin/perl

# The README says the truth: its nginx.conf starts, its token is taken, its
# requests and frames are accepted, and its files are there.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $top = RTProp::Nginx::top();
my $readme = RTProp::Nginx::slurp("$top/README.md");


# The first indented block after these words, without its indent.

sub block {
    my ($words) = @_;
    my ($text) = $readme =~ /\Q$words\E.*?\n\n((?: {4}[^\n]*\n|\n)+)/s
        or die "no block after \"$words\"\n";
    return $text =~ s/^ {4}//gmr;
}


# nginx.conf, keys, token

my $conf = block('Then, in `/etc/nginx/conf.d/rtprop.conf`');
cmp_ok(($conf =~ tr/\n//), '<=', 12, 'ten lines of nginx.conf');

my $nginx = rtprop_nginx(files => { 'rtprop/none' => '' },
                         http => "rtprop_zone rtprop 64m;\n",
                         server => 'location /ws { rtprop echo; }');
my $dir = $nginx->prefix . '/rtprop';
my $keys = join "\n", grep { /openssl/ }
           split /\n/, block('The two key files lie beside');

sub shell {
    my ($script) = @_;
    my $file = $nginx->write_file('script', $script);
    return `cd "$dir" && bash "$file" 2>&1`;
}

is(shell("$keys\nls *.key | wc -l"), "2\n", 'two keys');

$nginx->stop;

my $user = $> == 0 ? 'user nobody nogroup;' : '';
my $temp = join "\n", map { "${_}_temp_path tmp_$_;" }
           qw(client_body proxy fastcgi uwsgi scgi);
my %secrets = map { ("rtprop/$_" => RTProp::Nginx::slurp("$dir/$_")) }
              'jwt.key', 'api.key';

$conf =~ s/listen 8080;/listen 127.0.0.1:\@PORT\@;/;

$nginx = rtprop_nginx(files => \%secrets, full => <<"END");
load_module \@MODULE\@;
$user
worker_processes 4;
pid nginx.pid;
error_log logs/error.log info;

events {
}

http {
    access_log logs/access.log;
    $temp
    $conf
}
END
$dir = $nginx->prefix . '/rtprop';

is(http()->get('/health')->{status}, 200, 'it serves');

my $make = block('A token for a first try');
chomp(my $ann = shell("$make\ntoken ann"));
my $ws = client(token => $ann);
is($ws->{welcome}{payload}{user}{id}, 'ann', 'the token of the shell is taken');


# the requests, with a curl of our own

$nginx->write_file('bin/curl', <<"END");
#!$^X
use lib '$top/t/lib';
use RTProp::HTTP;
my (%h, \$method, \$body, \$url);
while (defined(my \$arg = shift)) {
    if (\$arg eq '-H') { my (\$n, \$v) = split /: /, shift, 2; \$h{\$n} = \$v }
    elsif (\$arg eq '-X') { \$method = shift }
    elsif (\$arg eq '-d') { \$body = shift }
    elsif (\$arg ne '-s') { \$url = \$arg }
}
my (\$port, \$path) = \$url =~ m{:(\\d+)(/.*)};
my \$res = RTProp::HTTP->new(port => \$port)->request(
    \$method // (defined \$body ? 'POST' : 'GET'), \$path, \$body, \%h);
print "\$res->{status} \$path \$res->{body}";
END
chmod 0755, $nginx->prefix . '/bin/curl';

my $requests = block('The application speaks HTTP');
my $port = $nginx->port;
$requests =~ s/:8080\b/:$port/g;

my @answers = split /\n/,
              shell('PATH="' . $nginx->prefix . "/bin:\$PATH\"\n$requests");
my $calls = () = $requests =~ /^api (?!\()/gm;

is(scalar @answers, $calls, "$calls requests");
like($_, qr/^20[01] /, 'accepted: ' . substr $_, 0, 50) for @answers;


# the frames; the last one is the example of an error

ok($ws->wait_close, 'the last request has closed her connection');
$ws = client(token => $ann);

my $said = block("`>` is what the client sends");
my @frames = $said =~ /^> (.*\n(?: {3}.*\n)*)/gm;
cmp_ok(scalar @frames, '>', 4, 'frames');

for my $i (0 .. $#frames) {
    $ws->send_text($frames[$i]);
    $ws->fence;

    my @errors = grep { $_->{type} eq 'error' } $ws->events;
    is(scalar @errors, $i == $#frames ? 1 : 0, "frame $i")
        or diag($frames[$i], JSON::PP::encode_json(\@errors));
    last if @errors;
}


# files and targets

ok(-e "$top/$_", "$_ is there") for $readme =~ /\]\(([\w.\/]+)\)/g;

my $makefile = RTProp::Nginx::slurp("$top/Makefile");
like($makefile, qr/^$_:/m, "make $_") for $readme =~ /`make (\w+)`/g;

my $full = RTProp::Nginx::slurp("$top/conf.examples/full.conf");
my %named = map { $_ => 1 } $readme =~ /\b(rtprop_[a-z_]+)\b/g;
like($full, qr/\b$_\b/, "$_ is a directive")
    for grep { !/_bytes$/ } sort keys %named;

done_testing();
