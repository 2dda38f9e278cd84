package Test::Nginx::Socket;

# Test::Nginx::Socket's interface: the genuine one where it is installed, else
# the small runner of RTProp::Blocks, which knows the sections listed there.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my ($genuine, $own);

BEGIN {
    my $here = abs_path(__FILE__);
    $own = dirname($here) . '/../..';

    ($genuine) = grep { -f $_ && abs_path($_) ne $here }
                 map { "$_/Test/Nginx/Socket.pm" } grep { !ref } @INC;
}

if ($genuine) {
    no warnings 'redefine';
    delete $INC{'Test/Nginx/Socket.pm'};
    require $genuine;
    $INC{'Test/Nginx/Socket.pm'} = $genuine;

} else {
    unshift @INC, $own if !grep { $_ eq $own } @INC;
    require RTProp::Blocks;
    *import = \&RTProp::Blocks::import_for;
}


1;
